//! How each video encoder is told to be quick, constant in rate and readable by browsers. Pure.
//!
//! An encoder that is not here is never used, whatever an ffmpeg offers.

/// An encoder that jobs may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    pub name: &'static str,
    /// Needs a device: tried before it is offered, and given up after a failure.
    pub hardware: Hardware,
    /// Its own options.
    options: &'static [&'static str],
    /// What pictures must be when they reach it.
    pixels: Pixels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    No,
    /// Opens its device by itself.
    Itself,
    /// Takes pictures that lie in the memory of a VA-API device.
    Vaapi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pixels {
    Yuv420,
    Nv12,
    /// Uploaded to the device.
    Device,
}

const fn software(name: &'static str, options: &'static [&'static str]) -> Encoder {
    Encoder {
        name,
        hardware: Hardware::No,
        options,
        pixels: Pixels::Yuv420,
    }
}

const fn vaapi(name: &'static str, options: &'static [&'static str]) -> Encoder {
    Encoder {
        name,
        hardware: Hardware::Vaapi,
        options,
        pixels: Pixels::Device,
    }
}

const fn itself(name: &'static str, options: &'static [&'static str], pixels: Pixels) -> Encoder {
    Encoder {
        name,
        hardware: Hardware::Itself,
        options,
        pixels,
    }
}

/// Profile main: what every browser decodes in hardware too. No encoder may hold pictures back.
pub const ENCODERS: [Encoder; 12] = [
    itself(
        "h264_nvenc",
        &[
            "-preset",
            "p4",
            "-tune",
            "ull",
            "-profile:v",
            "main",
            "-rc",
            "cbr",
            "-bf",
            "0",
            "-forced-idr",
            "1",
        ],
        Pixels::Yuv420,
    ),
    itself(
        "h264_qsv",
        &[
            "-preset",
            "veryfast",
            "-profile:v",
            "main",
            "-async_depth",
            "1",
            "-bf",
            "0",
            "-forced_idr",
            "1",
        ],
        Pixels::Nv12,
    ),
    vaapi(
        "h264_vaapi",
        &["-profile:v", "main", "-async_depth", "1", "-bf", "0"],
    ),
    software(
        "libx264",
        &[
            "-preset",
            "veryfast",
            "-tune",
            "zerolatency",
            "-profile:v",
            "main",
            "-sc_threshold",
            "0",
        ],
    ),
    software("libopenh264", &["-profile:v", "constrained_baseline"]),
    itself(
        "hevc_nvenc",
        &[
            "-preset",
            "p4",
            "-tune",
            "ull",
            "-profile:v",
            "main",
            "-rc",
            "cbr",
            "-bf",
            "0",
            "-forced-idr",
            "1",
        ],
        Pixels::Yuv420,
    ),
    itself(
        "hevc_qsv",
        &[
            "-preset",
            "veryfast",
            "-profile:v",
            "main",
            "-async_depth",
            "1",
            "-bf",
            "0",
            "-forced_idr",
            "1",
        ],
        Pixels::Nv12,
    ),
    vaapi(
        "hevc_vaapi",
        &["-profile:v", "main", "-async_depth", "1", "-bf", "0"],
    ),
    software(
        "libx265",
        &[
            "-preset",
            "superfast",
            "-tune",
            "zerolatency",
            "-profile:v",
            "main",
            "-forced-idr",
            "1",
            "-x265-params",
            "log-level=error:scenecut=0:bframes=0",
        ],
    ),
    itself("mpeg2_qsv", &["-bf", "0"], Pixels::Nv12),
    vaapi("mpeg2_vaapi", &["-bf", "0"]),
    software("mpeg2video", &["-bf", "0", "-sc_threshold", "1000000000"]),
];

impl Encoder {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ENCODERS.into_iter().find(|encoder| encoder.name == name)
    }

    #[must_use]
    pub fn is_hardware(self) -> bool {
        self.hardware != Hardware::No
    }

    /// The end of the filters: pictures as it takes them.
    #[must_use]
    pub const fn last_filter(self) -> &'static str {
        match self.pixels {
            Pixels::Yuv420 => "format=yuv420p",
            Pixels::Nv12 => "format=nv12",
            Pixels::Device => "format=nv12,hwupload",
        }
    }

    /// `-c:v` and its own options.
    pub fn arguments(self) -> impl Iterator<Item = &'static str> {
        ["-c:v", self.name]
            .into_iter()
            .chain(self.options.iter().copied())
    }
}

/// One picture through the encoder to nowhere: what shows that it works here. `device` is
/// VA-API's.
#[must_use]
pub fn trial(encoder: Encoder, device: Option<&str>) -> Vec<String> {
    let mut arguments = words("-nostdin -hide_banner -loglevel error");
    if let (Hardware::Vaapi, Some(device)) = (encoder.hardware, device) {
        arguments.extend(["-vaapi_device".to_owned(), device.to_owned()]);
    }
    arguments.extend(words(
        "-f lavfi -i color=size=640x360:rate=25 -frames:v 1 -vf",
    ));
    arguments.push(encoder.last_filter().to_owned());
    arguments.extend(encoder.arguments().map(str::to_owned));
    arguments.extend(words("-b:v 800k -f null -"));
    arguments
}

/// A list of arguments without spaces in them.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use common::api::profile::VideoCodec;

    use super::*;

    #[test]
    fn every_codec_can_be_made_in_software() {
        for codec in [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Mpeg2video] {
            let mut known = codec
                .encoders()
                .iter()
                .filter_map(|name| Encoder::named(name));
            assert!(known.any(|encoder| !encoder.is_hardware()), "{codec:?}");
        }
    }

    #[test]
    fn a_trial_is_one_picture_to_nowhere() {
        let vaapi = Encoder::named("h264_vaapi").expect("known");
        let line = trial(vaapi, Some("/dev/dri/renderD129")).join(" ");
        assert_eq!(
            line,
            "-nostdin -hide_banner -loglevel error -vaapi_device /dev/dri/renderD129 -f lavfi \
             -i color=size=640x360:rate=25 -frames:v 1 -vf format=nv12,hwupload -c:v h264_vaapi \
             -profile:v main -async_depth 1 -bf 0 -b:v 800k -f null -"
        );
    }
}
