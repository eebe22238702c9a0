//! What ffmpeg's own texts say of it: its version, its encoders. Pure.

use std::collections::BTreeSet;

/// The oldest that knows every option that is used.
pub const VERSION_MIN: (u32, u32) = (5, 0);

/// libavutil of ffmpeg 5.0 (its doc/APIchanges): told also by builds that have no version number.
const LIBAVUTIL_MIN: u32 = 57;

/// What jobs can be made with here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// As it says it, such as `5.1.9-0+deb12u1`.
    pub version: String,
    /// Those that work: in software all it has, in hardware those that made a picture.
    pub encoders: BTreeSet<String>,
    /// The device that VA-API works with.
    pub vaapi_device: Option<String>,
}

/// Why ffmpeg can't be used. The message is the operator's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    #[error("{0} does not say that it is ffmpeg")]
    NotFfmpeg(String),
    #[error(
        "{program} is version {version}, which is too old: install {}.{} or newer",
        VERSION_MIN.0,
        VERSION_MIN.1
    )]
    TooOld { program: String, version: String },
}

impl Offer {
    #[must_use]
    pub fn has(&self, encoder: &str) -> bool {
        self.encoders.contains(encoder)
    }

    /// For a heartbeat.
    #[must_use]
    pub fn encoder_list(&self) -> Vec<String> {
        self.encoders.iter().cloned().collect()
    }
}

/// The version of `ffmpeg -version`, if it is not too old.
///
/// # Errors
/// When it is, or the text is not ffmpeg's. `program` names it.
pub fn version(text: &str, program: &str) -> Result<String, OfferError> {
    let not = || OfferError::NotFfmpeg(program.to_owned());
    let rest = text.strip_prefix("ffmpeg version ").ok_or_else(not)?;
    let version = rest.split_whitespace().next().ok_or_else(not)?;
    let new_enough = match numbers(version) {
        Some(numbers) => numbers >= VERSION_MIN,
        // A build from the repository: `N-109542-g...`, `git-2022-...`.
        None => libavutil(text).is_some_and(|major| major >= LIBAVUTIL_MIN),
    };
    if new_enough {
        Ok(version.to_owned())
    } else {
        Err(OfferError::TooOld {
            program: program.to_owned(),
            version: version.to_owned(),
        })
    }
}

/// `5.1.9-0+deb12u1`, `n6.0`, `7.1`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let version = version.strip_prefix('n').unwrap_or(version);
    let digits = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse().ok()
    };
    let (major, rest) = version.split_once('.')?;
    Some((major.parse().ok()?, digits(rest)?))
}

/// `libavutil      57. 28.100 / 57. 28.100`
fn libavutil(text: &str) -> Option<u32> {
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.trim_start().strip_prefix("libavutil"))?;
    line.split('.').next()?.trim().parse().ok()
}

/// The names in `ffmpeg -encoders`: lines of flags and a name, behind a line of dashes.
#[must_use]
pub fn encoders(text: &str) -> BTreeSet<String> {
    let lines = text.lines().skip_while(|line| line.trim() != "------");
    let name = |line: &str| {
        let mut words = line.split_whitespace();
        let flags = words.next()?;
        let kind = flags.chars().next()?;
        let known = flags.len() == 6 && matches!(kind, 'V' | 'A' | 'S');
        words.next().filter(|_| known).map(str::to_owned)
    };
    lines.skip(1).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_every_form() {
        let of = |text: &str| version(text, "ffmpeg");
        let taken = [
            (
                "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026",
                "5.1.9-0+deb12u1",
            ),
            ("ffmpeg version 5.0 Copyright", "5.0"),
            ("ffmpeg version n6.0 Copyright", "n6.0"),
            ("ffmpeg version 10.0.1 Copyright", "10.0.1"),
            (
                "ffmpeg version N-109542-gabc Copyright\nlibavutil      57. 28.100 / 57. 28.100\n",
                "N-109542-gabc",
            ),
        ];
        for (text, version) in taken {
            assert_eq!(of(text).as_deref(), Ok(version), "{text}");
        }
        for old in [
            "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright",
            "ffmpeg version n4.4 Copyright",
            "ffmpeg version N-1-g0 Copyright\nlibavutil      56. 70.100 / 56. 70.100\n",
            "ffmpeg version N-1-g0 Copyright",
        ] {
            let error = of(old).expect_err(old);
            assert!(
                error.to_string().contains("install 5.0 or newer"),
                "{error}"
            );
        }
        for other in ["", "GNU bash, version 5.2", "ffmpeg version "] {
            assert!(
                matches!(of(other), Err(OfferError::NotFfmpeg(_))),
                "{other}"
            );
        }
    }

    #[test]
    fn encoders_are_the_names_behind_the_dashes() {
        let text = "Encoders:\n V..... = Video\n A..... = Audio\n ------\n \
            V....D libx264              libx264 H.264 (codec h264)\n \
            V..... h264_vaapi           H.264/AVC (VAAPI) (codec h264)\n \
            A....D aac                  AAC (Advanced Audio Coding)\n \
            S..... dvbsub               DVB subtitles\n\n nonsense here\n";
        let found: Vec<String> = encoders(text).into_iter().collect();
        assert_eq!(found, ["aac", "dvbsub", "h264_vaapi", "libx264"]);
        assert!(encoders("no list").is_empty());
    }
}
