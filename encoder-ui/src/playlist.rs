//! Reads the ingest's playlist: which URL a player opens for which channel. The ingest alone knows
//! it (`--public-url`, and what the paths of on-demand channels are).

use std::collections::HashMap;

/// The URL of each channel, by its id (`tvg-id`).
#[must_use]
pub fn watch_urls(playlist: &str) -> HashMap<String, String> {
    let mut urls = HashMap::new();
    let mut id = None;
    for line in playlist.lines().map(str::trim) {
        if line.starts_with("#EXTINF") {
            id = attribute(line, "tvg-id").map(str::to_owned);
        } else if (line.starts_with("http://") || line.starts_with("https://"))
            && let Some(id) = id.take()
        {
            urls.insert(id, line.to_owned());
        }
    }
    urls
}

/// The value of ` NAME="VALUE"`.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_finds_its_url() {
        let playlist = "#EXTM3U\r\n\
            #EXTINF:-1 tvg-id=\"news\" tvg-chno=\"7\",News, HD\r\n\
            http://127.0.0.1:9525/channels/news.ts\r\n\
            \r\n\
            #EXTINF:-1,nameless\r\n\
            http://127.0.0.1:9525/channels/none.ts\r\n\
            #EXTINF:-1 group-title=\"a\" tvg-id=\"film\",Film\r\n\
            #EXTVLCOPT:network-caching=0\r\n\
            http://127.0.0.1:9525/channels/film.ts?token=t\r\n";
        let urls = watch_urls(playlist);
        assert_eq!(urls["news"], "http://127.0.0.1:9525/channels/news.ts");
        assert_eq!(
            urls["film"],
            "http://127.0.0.1:9525/channels/film.ts?token=t"
        );
        assert_eq!(urls.len(), 2);
    }
}
