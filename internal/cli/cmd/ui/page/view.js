// What the page is made of: elements, durations, JSON that folds, and texts that are searched. Whatever comes from the
// cluster gets into the page as text, never as HTML.
"use strict";

const byId = (id) => document.getElementById(id);

// element makes an element; text is its text, children are elements.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") made.textContent = value;
    else if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const marks = { waiting: "○", running: "●", succeeded: "✓", failed: "✗", cancelled: "■", skipped: "↷" };

function stateOf(state) {
  return element("span", { class: "state " + (state in marks ? state : ""), text: (marks[state] || "?") + " " + state });
}

// spoken is a duration as people say it.
function spoken(seconds) {
  if (!seconds || seconds <= 0) return "";
  if (seconds < 10) return seconds.toFixed(1) + "s";
  if (seconds < 60) return Math.floor(seconds) + "s";
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  if (seconds < 3600) return Math.floor(seconds / 60) + "m" + two(seconds % 60) + "s";
  return Math.floor(seconds / 3600) + "h" + two((seconds % 3600) / 60) + "m";
}

function bytes(n) {
  if (n < 1024) return n + " B";
  if (n < 1048576) return (n / 1024).toFixed(1) + " KiB";
  return (n / 1048576).toFixed(2) + " MiB";
}

// step is how many members of a list or an object are shown before the rest is asked for.
const step = 200;

// folded shows a value of JSON. What is inside of a list or an object is made when it is unfolded, so that a megabyte
// costs nothing until somebody looks at it.
function folded(value, key, open) {
  const label = key === undefined ? [] : [element("span", { class: "key", text: key }), document.createTextNode(": ")];
  if (value === null || typeof value !== "object") {
    return element("div", { class: "leaf" }, ...label, document.createTextNode(JSON.stringify(value)));
  }
  const members = Array.isArray(value) ? value.map((v, i) => [i, v]) : Object.entries(value);
  const count = Array.isArray(value) ? "[" + members.length + "]" : "{" + members.length + "}";
  const made = element("details", {}, element("summary", {}, ...label, document.createTextNode(count)));
  let shown = 0;
  const more = () => {
    const end = Math.min(shown + step, members.length);
    for (; shown < end; shown++) made.append(folded(members[shown][1], members[shown][0], false));
    if (shown < members.length) {
      const rest = element("button", { type: "button", text: (members.length - shown) + " more", onclick: () => { rest.remove(); more(); } });
      made.append(rest);
    }
  };
  made.addEventListener("toggle", () => { if (made.open && shown === 0) more(); });
  if (open) { made.open = true; more(); }
  return made;
}

// block is how many characters of a text are one block of the page. Only the blocks that are seen are laid out, so that a
// megabyte in one line is shown at once.
const block = 4000;

// writer fills a pre with blocks of text and of marks.
function writer(pre) {
  pre.replaceChildren();
  let now = null, room = 0;
  const next = () => { now = element("div", { class: "block" }); pre.append(now); room = block; };
  return {
    text(text) {
      while (text) {
        if (room <= 0) next();
        let end = Math.min(room, text.length);
        const line = text.lastIndexOf("\n", end - 1);
        if (end < text.length && line >= 0) end = line + 1;
        now.append(text.slice(0, end));
        room = end < text.length ? 0 : room - end;
        text = text.slice(end);
      }
    },
    mark(text) {
      if (room <= 0) next();
      const made = element("mark", { text });
      now.append(made);
      room -= text.length;
      return made;
    },
  };
}

// mostMatches is how many matches of a search are marked; all are counted.
const mostMatches = 1000;

// search writes text into a pre, with what is sought marked, and returns the marks and how many matches there are.
function search(pre, text, sought) {
  const out = writer(pre);
  if (!sought) { out.text(text); return { marks: [], count: 0 }; }
  // Characters whose lower case has another length would shift all places behind them, so that the text is then taken as it is.
  const lower = text.toLowerCase();
  const folds = lower.length === text.length;
  const hay = folds ? lower : text, needle = folds ? sought.toLowerCase() : sought;
  const marks = [];
  let at = 0, count = 0;
  for (let next = hay.indexOf(needle); next >= 0; next = hay.indexOf(needle, next + needle.length)) {
    count++;
    if (marks.length < mostMatches) {
      out.text(text.slice(at, next));
      marks.push(out.mark(text.slice(next, next + needle.length)));
      at = next + needle.length;
    }
  }
  out.text(text.slice(at));
  return { marks, count };
}

// reveal scrolls to an element. Blocks on the way get their real heights when they are seen, which moves it: so once more.
function reveal(made, times = 3) {
  made.scrollIntoView({ block: "center" });
  if (times > 1) requestAnimationFrame(() => reveal(made, times - 1));
}

// later calls f once nobody has called it for a moment, as at the end of typing.
function later(f) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(f, 150); };
}
