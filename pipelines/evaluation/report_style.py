"""The look of the report: one style sheet. No content lives here."""

STYLE = """
:root { --ink: #1d2433; --quiet: #667085; --line: #e4e8ee; --paper: #fff; --ground: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
header p, .quiet { color: var(--quiet); font-size: 13px; }
h1 { margin: 0; font-size: 28px; }
h2 { margin: 0 0 4px; font-size: 20px; }
h2 span:not(.badge) { color: var(--quiet); font-weight: 400; }
h3 { margin: 24px 0 8px; font-size: 15px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
          padding: 22px 24px; margin-top: 20px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--quiet); font-weight: 500; font-size: 13px; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; }
.advisory td { color: var(--quiet); }
.badge { display: inline-block; padding: 0 9px; border-radius: 99px; font-size: 12px; font-weight: 600;
         line-height: 20px; vertical-align: 2px; white-space: nowrap; }
.yes { background: #dcf5ea; color: #0a6b45; }
.no { background: #fde4e4; color: #a3212b; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 20px; margin-top: 20px; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: 14px; }
.withheld { background: #fff6e0; border-radius: 8px; padding: 10px 14px; }
a { color: #0f6fde; }
.t { white-space: nowrap; }
details { margin-top: 6px; }
summary { cursor: pointer; font-weight: 600; font-size: 14px; }
@media (max-width: 760px) { .pair { grid-template-columns: 1fr; } }
"""
