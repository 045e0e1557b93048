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

// mostMatches is how many matches of a search are marked; all are counted.
const mostMatches = 1000;

// search writes text into a pre, with what is sought marked, and returns the marks and how many matches there are.
function search(pre, text, sought) {
  if (!sought) { pre.textContent = text; return { marks: [], count: 0 }; }
  // Characters whose lower case has another length would shift all places behind them, so that the text is then taken as it is.
  const lower = text.toLowerCase();
  const hay = lower.length === text.length ? lower : text;
  const needle = lower.length === text.length ? sought.toLowerCase() : sought;
  const found = [];
  let at = 0, count = 0;
  const parts = [];
  for (;;) {
    const next = hay.indexOf(needle, at);
    if (next < 0) break;
    count++;
    if (found.length < mostMatches) {
      parts.push(text.slice(at, next));
      const mark = element("mark", { text: text.slice(next, next + needle.length) });
      found.push(mark);
      parts.push(mark);
    } else {
      parts.push(text.slice(at, next + needle.length));
    }
    at = next + needle.length;
  }
  parts.push(text.slice(at));
  pre.replaceChildren(...parts);
  return { marks: found, count };
}
