//! The style of the default pages. Its digest stands in their policy, so the pages hold exactly this text.

pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#8c959f;--go:#0550ae;
--on:#fff;--warn:#7d4e00;--warnback:#fff8e5;--bad:#a40e26;--badback:#ffebe9}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--card:#161b22;--ink:#e6edf3;--soft:#9da7b3;--line:#6e7681;
--go:#79b8ff;--on:#0d1117;--warn:#f2cc60;--warnback:#2b2111;--bad:#ff9a92;--badback:#31151a}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
main{max-width:32rem;margin:4vh auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);
border-radius:.75rem}
h1{margin:0 0 1rem;font-size:1.4rem;line-height:1.3}
h2{margin:1.25rem 0 .25rem;font-size:1rem}
p{margin:.5rem 0}
bdi{overflow:clip}
dl{margin:1rem 0}
dt{margin-top:.75rem;color:var(--soft);font-size:.875rem}
dd{margin:0}
ul{margin:.25rem 0;padding-left:1.25rem}
code{font:.875em ui-monospace,monospace}
.soft{color:var(--soft);font-size:.875rem}
.place{font-size:1.15rem;font-weight:700}
.warn,.alert{padding:.6rem .8rem;border-left:.25rem solid}
.warn{color:var(--warn);background:var(--warnback)}
.alert{color:var(--bad);background:var(--badback)}
label{display:block;margin:.9rem 0 .25rem;font-weight:600}
input{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);
border-radius:.4rem}
.code{font-family:ui-monospace,monospace;letter-spacing:.08em;text-transform:uppercase}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.25rem}
button{flex:1 1 8rem;min-height:2.75rem;padding:.5rem 1rem;font:inherit;font-weight:600;color:var(--go);
background:transparent;border:1px solid currentColor;border-radius:.4rem;cursor:pointer}
button.go{color:var(--on);background:var(--go);border-color:var(--go)}
button.switch{min-height:0;padding:.15rem .6rem;font-size:.875rem;font-weight:400}
:focus-visible{outline:.2rem solid var(--go);outline-offset:.15rem}
a{color:var(--go)}
";
