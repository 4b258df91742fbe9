//! The style sheet of the page.

use crate::svg::Ink;

/// The whole style sheet: colours of the light and the dark side, then the layout.
pub(super) fn css() -> String {
    format!(
        ":root{{color-scheme:light dark;{}--page:#f6f7f9;--soft:#f0f3f6;--accent:#0072b2;--good:#00704f;--bad:#b04300;}}\n\
         @media (prefers-color-scheme:dark){{:root{{{}--page:#10141a;--soft:#1e252e;--accent:#6bb8e8;--good:#4fd0a6;--bad:#ff9d5c;}}}}\n{LAYOUT}",
        Ink::variables(false),
        Ink::variables(true),
    )
}

const LAYOUT: &str = r#"
*{box-sizing:border-box}
html{font-size:16px;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1280px;padding:2.2rem 1.2rem 3rem;background:var(--page);color:var(--text);
  font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;line-height:1.5}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .8rem;letter-spacing:-.01em}
h2{font-size:1.3rem;line-height:1.3;margin:0 0 .7rem}
h3{font-size:1.02rem;margin:1.6rem 0 .6rem}
p{margin:.4rem 0}
a{color:var(--accent)}
.lead{max-width:78ch;color:var(--muted)}
section{background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:1.3rem 1.4rem;margin:1.4rem 0}
.badge{display:inline-block;font-size:.74rem;font-weight:600;letter-spacing:.02em;padding:.08rem .55rem;margin:0 .25rem .1rem 0;
  border-radius:99px;border:1px solid currentColor;white-space:nowrap}
h2 .badge{vertical-align:.18em;margin-left:.4rem}
.badge.real,.badge.paper{color:var(--good)}
.badge.synthetic{color:var(--bad)}
.scroll{overflow-x:auto;margin:0 -.2rem}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.88rem}
caption{text-align:left;color:var(--muted);padding:.2rem .6rem .5rem}
th,td{padding:.42rem .5rem;border-bottom:1px solid var(--grid);text-align:left;vertical-align:top}
thead th{font-weight:600;color:var(--muted);border-bottom:2px solid var(--grid);vertical-align:bottom;line-height:1.25}
tbody th{font-weight:500;min-width:13rem}
td:not(.num){min-width:10rem}
tbody th,thead th:first-child{position:sticky;left:0;background:var(--surface)}
.num{text-align:right;font-variant-numeric:tabular-nums}
td.num{white-space:nowrap}
tbody tr:last-child>*{border-bottom:0}
tr.baseline>*{background:var(--soft)}
.notes{font-size:.86rem;color:var(--muted);max-width:100ch;margin-top:.8rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr));gap:1.2rem;margin-top:1.2rem;align-items:start}
.plots.small{grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))}
figure{margin:0;overflow-x:auto}
figure svg{display:block;max-width:100%;height:auto;min-width:18rem}
details{margin-top:.9rem;border-top:1px solid var(--grid);padding-top:.7rem}
summary{cursor:pointer;font-weight:600;font-size:.95rem}
summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
details>.scroll,details>.plots{margin-top:.8rem}
img.picture{max-width:100%;height:auto;background:#fff}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem;margin-top:.6rem}
.example{border:1px solid var(--grid);border-radius:8px;padding:.7rem .8rem;font-size:.84rem}
.example .head{display:flex;gap:.8rem;align-items:center}
.example img{flex:none;width:96px;height:auto;max-height:96px;object-fit:contain;image-rendering:pixelated;border-radius:4px;background:var(--soft)}
.example p{margin:0;overflow-wrap:anywhere}
.example .truth{font-weight:600;font-size:.92rem}
.example .id{color:var(--muted);font-size:.74rem}
.example ul{list-style:none;margin:.6rem 0 0;padding:0}
.example li{display:flex;gap:.8rem;justify-content:space-between;border-top:1px solid var(--grid);padding:.18rem 0}
.example li span:first-child{color:var(--muted);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.example li span:last-child{white-space:nowrap;font-variant-numeric:tabular-nums}
.right{color:var(--good)}
.wrong{color:var(--bad);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;font-size:.84rem;margin:.6rem 0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.8rem}
pre{background:var(--soft);border-radius:6px;padding:.7rem .8rem;overflow:auto;max-height:24rem;margin:.4rem 0}
details details{margin-left:.6rem}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
footer{color:var(--muted);font-size:.84rem}
@media (max-width:640px){tbody th{min-width:8.5rem}body{padding:1.2rem .7rem}section{padding:1rem .9rem;border-radius:8px}dl{grid-template-columns:1fr}dt{margin-top:.4rem}}
@media print{body{background:#fff;max-width:none}section{break-inside:auto;border:0;padding:0}}
"#;
