// Keeps a page true while it is open. Without it everything works, too.
(() => {
const doc = document, { dataset } = doc.body, list = (what, of = doc) => [...of.querySelectorAll(what)];
const all = (what, each) => list(what).forEach(each);
const { locks, clipboard } = navigator, skew = dataset.now - Date.now(), now = () => Date.now() + skew, two = n => `${n}`.padStart(2, 0);
const said = ms => {
const s = Math.max(0, Math.round(ms / 1e3)), m = s / 60 | 0, h = m / 60 | 0, d = h / 24 | 0;
return d ? `${d}d ${two(h % 24)}h` : h ? `${h}h ${two(m % 60)}m` : m ? `${m}m ${two(s % 60)}s` : s + "s";
};
const many = (n, what) => `${n = Math.round(n)} ${what}${n < 2 ? "" : "s"} ago`;
const ago = s => s < 45 ? "just now" : s < 5400 ? many(s / 60, "minute") : s < 129600 ? many(s / 3600, "hour") : many(s / 86400, "day");
const write = (el, text) => { if (el.textContent != text) el.textContent = text; };
const search = () => all("[data-filter]", el => all(`#${el.dataset.filter} tbody tr`, row => {
row.hidden = el.value != el.defaultValue && !row.textContent.toLowerCase().includes(el.value.trim().toLowerCase());
}));
const tick = () => {
all("[data-since]", el => write(el, said(now() - el.dataset.since)));
all("[data-until]", el => write(el, said(el.dataset.until - now())));
all("[data-ago]", el => write(el, ago((now() - Date.parse(el.dateTime)) / 1e3)));
all("[data-span]", el => {
const { from, span } = el.dataset;
el.setAttribute("width", Math.max(0, Math.min((now() - from) / span * 100, 100 - parseFloat(el.getAttribute("x")))) + "%");
});
};
const show = () => {
all("[data-at]", el => write(el, new Date(el.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" })));
all("[data-copy]", el => { el.hidden = !clipboard; });
tick();
search();
};
const seen = {}, places = "a,button,summary";
all("[data-swap]", el => { seen[el.id] = el.innerHTML; });
const swap = (old, el) => {
if (!el) return location.reload();
if (el.innerHTML == seen[old.id]) return;
seen[old.id] = el.innerHTML;
const at = list(places, old).indexOf(doc.activeElement), open = list("details", old).map(one => one.open);
list("details", el).forEach((one, nth) => { one.open = open[nth]; });
old.replaceWith(el);
list(places, el)[at]?.focus({ preventScroll: true });
};
let busy, again, close, stop;
const load = () => {
again = true;
if (busy || doc.hidden) return;
busy = true;
again = false;
const ask = new XMLHttpRequest, began = Date.now();
ask.open("GET", location.href);
ask.responseType = "document";
ask.setRequestHeader("Accept", "text/html");
ask.onloadend = () => {
if (ask.status == 401) location.reload();
if (ask.status == 200) { all("[data-swap]", old => swap(old, ask.response.getElementById(old.id))); show(); }
setTimeout(() => { busy = false; if (again) load(); }, 500 + 9 * (Date.now() - began));
};
ask.send();
};
const wanted = [...new URLSearchParams(dataset.live)], channel = new BroadcastChannel("steps");
const hear = event => { if (wanted.every(([name, value]) => (event[name] ?? value) == value)) load(); };
const listen = () => {
const source = new EventSource("/v1/events");
source.onopen = load;
source.onerror = () => { if (source.readyState > 1) { stop(); setTimeout(start, 9e3); } };
for (const kind of "step deployment removed note note_removed reset".split(" ")) source.addEventListener(kind, ({ data }) => {
const event = JSON.parse(data);
hear(event);
channel.postMessage(event);
});
return new Promise(done => { close = () => { source.close(); done(); }; });
};
// One tab listens for all of them, and none that is hidden.
const start = () => {
if (doc.hidden) return;
const ended = new AbortController;
stop = () => { ended.abort(); close?.(); };
locks?.request("steps", { signal: ended.signal }, listen).catch(() => {}) ?? listen();
};
show();
setInterval(tick, 1e3);
doc.oninput = search;
doc.onclick = ({ target }) => {
if ("copy" in target.dataset) clipboard.writeText(target.previousSibling.textContent).then(() => write(target, "Copied"));
};
if (dataset.live != null) {
channel.onmessage = ({ data }) => hear(data);
setInterval(() => list("[data-span]")[0] && load(), 9e3);
doc.onvisibilitychange = () => { if (doc.hidden) stop?.(); else { start(); load(); } };
start();
}
})();
