//! Builds the page in `web/` (Svelte, TypeScript, Vite) into `OUT_DIR/web`, which the program embeds.
//!
//! Packages are fetched when `package-lock.json` is not the one that `node_modules` was made from.
//! Two builds at once take turns. Nothing runs again unless the page's own files change.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the page is made of, from `web/`.
const PARTS: [&str; 9] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "tsconfig.json",
    "tsconfig.node.json",
    "vite.config.ts",
];

/// The versions that Vite 8 runs on (its package.json, `engines`).
const NEEDED: &str = "Node.js 20.19 or newer (of 22: 22.12 or newer) with npm";

/// Writes FILE.br and FILE.gz beside what shrinks, so that the server only has to hand them out.
/// Browsers take brotli over https alone.
const COMPRESS: &str = "
const fs = require('fs'), path = require('path'), zlib = require('zlib');
const walk = (dir) => fs.readdirSync(dir, { withFileTypes: true }).forEach((entry) => {
  const file = path.join(dir, entry.name);
  if (entry.isDirectory()) return walk(file);
  if (!/[.](js|css|html|svg|json|map)$/.test(file)) return;
  const plain = fs.readFileSync(file);
  const keep = (ending, small) => small.length < plain.length && fs.writeFileSync(file + ending, small);
  keep('.br', zlib.brotliCompressSync(plain));
  keep('.gz', zlib.gzipSync(plain, { level: 9 }));
});
walk(process.argv[1]);
";

fn main() {
    for part in PARTS {
        println!("cargo::rerun-if-changed=web/{part}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(message) = build() {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn build() -> Result<(), String> {
    let web = folder("CARGO_MANIFEST_DIR")?.join("web");
    let out = folder("OUT_DIR")?.join("web");
    check_node()?;
    let _turn = take_turn(&web)?;
    fetch_packages(&web)?;
    // What an earlier build left must not be embedded.
    let _ = fs::remove_dir_all(&out);
    let words = ["run", "build", "--", "--emptyOutDir", "--outDir"].map(OsStr::new);
    run(
        "npm",
        &[&words[..], &[out.as_os_str()]].concat(),
        &web,
        "the page can't be built",
    )?;
    let words = [OsStr::new("--eval"), OsStr::new(COMPRESS), out.as_os_str()];
    run("node", &words, &web, "the page can't be compressed")
}

fn folder(variable: &str) -> Result<PathBuf, String> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{variable} is not set: cargo runs this"))
}

fn check_node() -> Result<(), String> {
    let missing = |what: &str| {
        format!(
            "{what}: the page of encoder-ui is built with {NEEDED}\n\
             install it by `scripts/setup`, from your distribution, or from https://nodejs.org"
        )
    };
    let version = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| missing(&format!("node can't be run ({error})")))?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let numbers: Vec<u32> = version
        .trim_start_matches('v')
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect();
    let new_enough = match numbers[..] {
        [20, minor, ..] => minor >= 19,
        [22, minor, ..] => minor >= 12,
        [major, ..] => major > 22,
        [] => false,
    };
    if !new_enough {
        return Err(missing(&format!("node is {version}")));
    }
    let npm = Command::new("npm").arg("--version").output();
    npm.map(drop)
        .map_err(|error| missing(&format!("npm can't be run ({error})")))
}

/// The lock ends with the file.
fn take_turn(web: &Path) -> Result<File, String> {
    let path = web.join(".build.lock");
    let failed = |error| format!("cannot lock {}: {error}", path.display());
    let file = File::create(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn fetch_packages(web: &Path) -> Result<(), String> {
    let wanted = fs::read(web.join("package-lock.json"))
        .map_err(|error| format!("cannot read web/package-lock.json: {error}"))?;
    // A copy of the list that the packages were fetched by. npm removes it when it starts anew, so
    // packages fetched by half are never taken for whole.
    let mark = web.join("node_modules/.fetched-by.json");
    if fs::read(&mark).is_ok_and(|fetched| fetched == wanted) {
        return Ok(());
    }
    let words = ["ci", "--no-audit", "--no-fund", "--prefer-offline"].map(OsStr::new);
    let failed = "the packages of web/package-lock.json can't be fetched: is the npm registry within reach (`npm config get registry`, or a proxy in HTTPS_PROXY)?";
    run("npm", &words, web, failed)?;
    fs::write(&mark, wanted).map_err(|error| format!("cannot write {}: {error}", mark.display()))
}

/// Its output is shown when it fails.
fn run(program: &str, arguments: &[&OsStr], web: &Path, failed: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(web)
        .output()
        .map_err(|error| format!("{failed}: {program} can't be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!("{failed}: {program} says\n{}", said.trim_end()))
}
