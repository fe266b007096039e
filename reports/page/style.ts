/** The page's style: light, dark and print; contrast of text at least 4.5 to 1. */
export const STYLE = `
:root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#555;--line:#d0d0d0;--panel:#f6f6f6;--link:#0b5394;--field:#767676}
@media (prefers-color-scheme:dark){:root{--fg:#e8e8e8;--bg:#161616;--soft:#b5b5b5;--line:#444;--panel:#222;--link:#8ab4f8;--field:#8f8f8f}}
*{box-sizing:border-box}body{margin:0;color:var(--fg);background:var(--bg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem 1rem 4rem}h1{line-height:1.2;margin:.2em 0}h2{margin-top:3rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}h3{margin:1.6rem 0 .4rem}
figure h3{margin:0 0 .5rem;font-size:1.05rem}a{color:var(--link)}.small{color:var(--soft);font-size:.86rem;margin:.35rem 0}.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.3rem}nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0;margin:.6rem 0}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
figure{margin:1.5rem 0;padding:1rem;border:1px solid var(--line);border-radius:6px}figcaption{font-size:.95rem}figcaption p{margin:.5rem 0}
.plot{background:#fff;overflow-x:auto;border-radius:4px;padding:.5rem;position:relative}.plot svg{display:block;margin:0 auto;max-width:100%;height:auto;min-width:480px}
@media screen and (prefers-color-scheme:dark){.plot{background:#161616}.plot svg{filter:invert(.9) hue-rotate(180deg)}}
.tools{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:center;font-size:.86rem;margin:.3rem 0;border:0;padding:0}.tools label{white-space:nowrap}.tools fieldset{border:0;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:.1rem .8rem;min-width:0}
.tools legend{float:left;padding:0 .6rem 0 0;color:var(--soft)}button,select,input{font:inherit;color:inherit}button,select{background:var(--panel);border:1px solid var(--field);border-radius:4px;padding:.1rem .5rem}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--bg);color:var(--fg);border:1px solid var(--field);border-radius:4px;padding:.3rem .5rem;font-size:.82rem;box-shadow:0 2px 8px #0004;max-width:22rem}
#tip table{margin:0;font-size:inherit}#tip td,#tip th{padding:0 .5rem 0 0;border:0;background:none;font-weight:400}#tip th{color:var(--soft)}
.scroll{overflow-x:auto;max-height:32rem}table{border-collapse:collapse;font-size:.9rem;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
thead th{background:var(--panel);position:sticky;top:0}table.verdicts,table.pairs{width:100%;min-width:640px}table.pairs td{width:28%}table.pairs td:first-child{width:44%}table.verdicts td:first-child{white-space:nowrap}
.summary{list-style:none;padding:0;margin:.4rem 0}.summary li{display:grid;grid-template-columns:9.5rem 1fr;gap:.2rem .8rem;padding:.25rem 0;border-bottom:1px solid var(--line)}
.summary{font-size:.93rem}.summary a{color:inherit;text-decoration:none}.summary a:hover,.summary a:focus{text-decoration:underline}.badge{display:inline-block;padding:.05rem .5rem;border-radius:1rem;font-weight:600;font-size:.82rem;border:1px solid currentColor;white-space:nowrap;height:max-content;width:max-content}
.yes{color:#0b5394;background:#e3eefb}.no{color:#8f2d00;background:#fde9df}.open{color:#5f4b00;background:#fdf3cf}.none{color:#444;background:#eee}
.care h2{margin:.5rem 0;border:0;font-size:1.1rem}.care{border-left:4px solid #b58900;padding:.2rem 1rem;background:var(--panel)}code{background:var(--panel);padding:0 .25em;border-radius:3px;overflow-wrap:anywhere}summary{cursor:pointer}
.dials{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.5rem 1.5rem;margin:.8rem 0}.dials label{display:block;font-size:.9rem}.dials input{width:100%;accent-color:var(--link)}.dials output{float:right;font-variant-numeric:tabular-nums}
.plots{display:flex;flex-wrap:wrap;gap:1rem}.plots .plot{flex:1 1 20rem;min-width:0}.plots .plot svg{min-width:0}
@media (max-width:640px){table.verdicts{min-width:0}.verdicts thead{display:none}.verdicts tr,.verdicts td{display:block}.verdicts td{border:0;padding:.2rem 0}.verdicts tr{border-bottom:1px solid var(--line);padding:.6rem 0}.summary li{grid-template-columns:1fr}}
@media print{figure{break-inside:avoid}.scroll,.plot{overflow:visible;max-height:none}.tools,nav,#laboratory-section{display:none}}`;
