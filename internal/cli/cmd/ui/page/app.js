// The page: a list of runs, and one run with its graph, logs and results. Both follow the cluster by server-sent events.
"use strict";

let listEvents, runEvents, logEvents;
let entries = [];
let current = null; // the run that is shown: its address, what the server said of it last, and what is open
let value = null; // the result that is shown: its name, text, JSON, and where a search stands

// open listens to events; "end" is the last one, and is not asked for again.
function open(url, handlers) {
  const source = new EventSource(url);
  for (const [name, handler] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
  }
  source.addEventListener("end", (event) => {
    source.close();
    const error = JSON.parse(event.data).error;
    if (error) say(error);
  });
  source.onopen = () => say("");
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "not connected" : "connecting again …");
  return source;
}

const say = (text) => { byId("connection").textContent = text; };

function close(...sources) { for (const s of sources) if (s) s.close(); }

// --- the list

function showList() {
  close(runEvents, logEvents);
  current = null;
  byId("run").hidden = true;
  byId("list").hidden = false;
  byId("where").textContent = "";
  document.title = "Sluice";
  if (!listEvents || listEvents.readyState === EventSource.CLOSED) {
    listEvents = open("/api/v1/runs/events", { runs: (all) => { entries = all || []; drawList(); }, stored: drawStored });
  }
  drawList();
}

// drawStored shows how many bytes finished runs have in etcd.
function drawStored(all) {
  const line = byId("stored");
  line.textContent = "Finished runs: " + bytes(all.bytes) + " in etcd" + (all.quota > 0 ? " of " + bytes(all.quota) : "") +
    (all.near ? " (nearly full: sluice prune)" : "");
  line.className = all.near ? "state failed" : "";
}

const addressOf = (e) => [e.namespace, e.kind.toLowerCase(), e.name].map(encodeURIComponent).join("/");

function drawList() {
  const sought = byId("filter").value.toLowerCase();
  const shown = entries.filter((e) => [e.name, e.namespace, e.kind, e.state, e.reason].join(" ").toLowerCase().includes(sought));
  byId("rows").replaceChildren(...shown.map((e) => element("tr", {},
    element("td", {}, element("a", { href: "#/" + addressOf(e), text: e.kind.toLowerCase() + "/" + e.name })),
    element("td", { text: e.namespace }),
    element("td", {}, stateOf(e.state)),
    element("td", { text: e.reason }),
    element("td", { text: new Date(e.created).toLocaleString() }),
    element("td", { class: "number", text: spoken(e.seconds) }))));
  byId("count").textContent = shown.length === entries.length ? String(entries.length) : shown.length + " of " + entries.length;
  byId("empty").hidden = entries.length > 0;
}

// --- one run

function showRun(address) {
  close(listEvents, runEvents, logEvents);
  current = { address, api: "/api/v1/runs/" + address, run: null, task: "", step: "" };
  value = null;
  byId("list").hidden = true;
  byId("run").hidden = false;
  byId("log").hidden = byId("logbar").hidden = byId("value").hidden = true;
  byId("artifactbox").hidden = true;
  for (const id of ["graph", "timeline", "tasks", "results", "artifacts"]) byId(id).replaceChildren();
  const name = decodeURIComponent(address.split("/").pop());
  byId("name").textContent = name;
  byId("message").textContent = "";
  byId("where").textContent = decodeURIComponent(address.split("/")[0]);
  byId("image").href = current.api + "/graph.svg";
  document.title = name + " – Sluice";
  const mine = current;
  runEvents = open(current.api + "/events", { run: (run) => { if (mine === current) { mine.run = run; drawRun(run); } } });
}

function drawRun(run) {
  byId("name").textContent = run.kind + "/" + run.name;
  byId("state").replaceChildren(stateOf(run.state));
  byId("took").textContent = spoken(run.seconds);
  byId("message").textContent = run.message;
  drawGraph(run.graph);
  drawTimeline();
  byId("tasks").replaceChildren(...run.tasks.map(drawTask));
  byId("results").replaceChildren(...(run.results || []).map(drawResult));
  byId("noresults").hidden = (run.results || []).length > 0;
  byId("artifacts").replaceChildren(...(run.artifacts || []).map(drawArtifact));
  byId("artifactbox").hidden = (run.artifacts || []).length === 0;
}

// drawGraph takes the image that the server has drawn. It is read as XML, in which nothing runs.
function drawGraph(text) {
  const box = byId("graph");
  if (!text) { box.replaceChildren(); return; }
  const image = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  for (const node of image.querySelectorAll("[data-task]")) {
    node.addEventListener("click", () => {
      const name = node.getAttribute("data-task");
      const task = current.run.tasks.find((t) => t.taskRun && (t.name === name || t.name.startsWith(name + "-") || t.name.startsWith(name + " › ")));
      if (task) showLog(task.name, "");
      else if (current.run.kind === "TaskRun") showLog(current.run.tasks[0].name, name);
    });
  }
  box.replaceChildren(document.adoptNode(image));
}

// drawTimeline asks for the image of the timeline after a change, and again while the run continues, because its bars grow.
const drawTimeline = later(async () => {
  const mine = current;
  if (!mine || !mine.run || !byId("timebox").open) return;
  const answer = await fetch(mine.api + "/timeline.svg?inline");
  const text = await answer.text();
  if (mine !== current || !answer.ok) return;
  const image = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  byId("timeline").replaceChildren(document.adoptNode(image));
  clearTimeout(mine.timer);
  if (mine.run.state === "running" || mine.run.state === "waiting") mine.timer = setTimeout(drawTimeline, 5000);
});

function drawTask(task) {
  const opens = (step, text) => element("button", {
    type: "button", text, "data-log": task.name + "/" + step,
    "aria-current": String(current.task === task.name && current.step === step), onclick: () => showLog(task.name, step),
  });
  const line = (state, name, note, seconds) => [stateOf(state), document.createTextNode(" "), name,
    element("span", { class: "note", text: " " + [spoken(seconds), note].filter(Boolean).join(" · ") })];
  const title = task.taskRun ? opens("", task.name) : document.createTextNode(task.name);
  return element("li", {}, ...line(task.state, title, task.state === "failed" ? task.message : "", task.seconds),
    element("ul", {}, ...task.steps.map((s) => element("li", {}, ...line(s.state, opens(s.name, s.name), s.note, s.seconds)))));
}

// --- logs

// mostLines is how many lines of a log are kept in the page: the last ones.
const mostLines = 20000;

function showLog(task, step) {
  close(logEvents);
  current.task = task;
  current.step = step;
  if (current.run) byId("tasks").replaceChildren(...current.run.tasks.map(drawTask));
  const log = byId("log");
  log.replaceChildren();
  log.hidden = byId("logbar").hidden = false;
  byId("logname").textContent = step ? task + " / " + step : task;
  const waiting = [];
  let planned = false;
  const add = (item) => {
    waiting.push(item);
    if (!planned) { planned = true; requestAnimationFrame(() => { planned = false; flush(waiting.splice(0)); }); }
  };
  const flush = (items) => {
    log.append(...items);
    while (log.childElementCount > mostLines) log.firstElementChild.remove();
    if (byId("logfollow").checked) log.scrollTop = log.scrollHeight;
  };
  const query = "?task=" + encodeURIComponent(task) + "&step=" + encodeURIComponent(step);
  logEvents = open(current.api + "/logs" + query, {
    line: (l) => add(logLine((step ? "" : "[" + l.step + "] ") + l.text)),
    gone: (g) => add(logLine("— " + g.message)),
  });
}

function logLine(text) {
  const made = element("div", { class: "line", text });
  if (!matchesLog(made)) made.classList.add("out");
  return made;
}

const matchesLog = (line) => line.textContent.toLowerCase().includes(byId("logsearch").value.toLowerCase());

// --- results

function drawResult(result) {
  const share = result.limit ? result.size / result.limit : 0;
  const meter = element("td");
  if (result.limit) {
    const gauge = element("meter", { min: 0, max: 1, high: 0.9, value: Math.min(1, share), title: result.size + " of " + result.limit + " bytes" });
    meter.append(gauge, document.createTextNode(" " + Math.floor(share * 100) + " %"));
  }
  return element("tr", {},
    element("td", {}, element("button", { type: "button", text: result.name, "data-result": result.name, onclick: () => showValue(result) })),
    element("td", { text: result.type }),
    element("td", { class: "number", text: bytes(result.size) }),
    meter,
    element("td", {}, element("a", { class: "button", href: addressOfResult(result.name) + "&download", text: "Download", "data-download": result.name })));
}

// drawArtifact shows a URI as text: a step wrote it, and it is not a link that the page vouches for.
function drawArtifact(artifact) {
  return element("tr", {}, element("td", { text: artifact.name }), element("td", { text: artifact.use }),
    element("td", { text: artifact.uri }), element("td", { class: "digest", text: (artifact.digests || []).join(" ") }));
}

const addressOfResult = (name) => current.api + "/result?name=" + encodeURIComponent(name);

async function showValue(result) {
  const mine = current;
  byId("valuename").textContent = result.name;
  byId("digest").textContent = "sha256 " + result.sha256;
  byId("valuesearch").value = "";
  byId("matches").textContent = "";
  byId("folded").replaceChildren();
  byId("text").textContent = "reading " + bytes(result.size) + " …";
  byId("value").hidden = false;
  const answer = await fetch(addressOfResult(result.name));
  const text = await answer.text();
  if (mine !== current || byId("valuename").textContent !== result.name) return;
  if (!answer.ok) { byId("text").textContent = text; return; }
  value = { text, json: parsed(text), fold: true, marks: [], here: -1 };
  drawValue();
}

// parsed is the JSON of a text that is a list or an object; anything else is read as text.
function parsed(text) {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try { return JSON.parse(text); } catch { return undefined; }
}

function drawValue() {
  const sought = byId("valuesearch").value;
  const fold = value.json !== undefined && value.fold && !sought;
  byId("fold").hidden = value.json === undefined;
  byId("fold").textContent = fold ? "As text" : "Folded";
  byId("folded").hidden = !fold;
  byId("text").hidden = fold;
  byId("next").hidden = !sought;
  byId("matches").textContent = "";
  if (fold) { byId("folded").replaceChildren(folded(value.json, undefined, true)); return; }
  const { marks, count } = search(byId("text"), value.text, sought);
  value.marks = marks;
  value.here = -1;
  if (sought) byId("matches").textContent = count + (count === 1 ? " match" : " matches");
  if (marks.length) nextMatch();
}

function nextMatch() {
  if (!value || !value.marks.length) return;
  if (value.here >= 0) value.marks[value.here].classList.remove("here");
  value.here = (value.here + 1) % value.marks.length;
  value.marks[value.here].classList.add("here");
  reveal(value.marks[value.here]);
}

// --- wiring

function route() {
  const path = location.hash.replace(/^#\/?/, "");
  if (path.split("/").length === 3) showRun(path);
  else showList();
}

byId("filter").addEventListener("input", drawList);
byId("logsearch").addEventListener("input", later(() => {
  for (const line of byId("log").children) line.classList.toggle("out", !matchesLog(line));
}));
byId("valuesearch").addEventListener("input", later(() => { if (value) drawValue(); }));
byId("valuesearch").addEventListener("keydown", (event) => { if (event.key === "Enter") nextMatch(); });
byId("next").addEventListener("click", nextMatch);
byId("timebox").addEventListener("toggle", () => drawTimeline());
byId("fold").addEventListener("click", () => {
  value.fold = byId("folded").hidden;
  byId("valuesearch").value = "";
  drawValue();
});
addEventListener("hashchange", route);
route();
