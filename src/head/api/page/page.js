// The fleet page. All that comes from nodes and operators is text: it goes into textContent and attributes alone.
"use strict";

const STATES = [
  ["committed", "✓", "boots its release"],
  ["none", "·", "no rollout has moved it"],
  ["waiting", "…", "waits for a slot"],
  ["draining", "D", "its work ends"],
  ["restarting", "R", "restarts into the release"],
  ["booting", "B", "boots the release"],
  ["up", "U", "has reported, is not healthy yet"],
  ["soaking", "S", "is healthy, has to stay so"],
  ["reverting", "↩", "goes back"],
  ["reverted", "✗", "went back: the release failed"],
  ["lost", "?", "did not come back in time"],
  ["failed", "!", "its last boot failed"],
  ["problem", "⊘", "cannot boot: see below"],
];
const MARKS = new Map(STATES.map(([state, mark]) => [state, mark]));
const HOLDS = new Set(["draining", "restarting", "booting", "up", "soaking", "reverting"]);
const FAILED = new Set(["reverting", "reverted", "lost"]);
const ORDERS = {
  pause: { label: "Pause", when: (rollout) => rollout.status === "running" },
  resume: { label: "Resume", when: (rollout) => ["paused", "failing"].includes(rollout.status) },
  approve: { label: "Approve the next wave", when: (rollout) => rollout.approval },
  abort: { label: "Abort", when: (rollout) => !rollout.ended, asks: "No more nodes begin, for ever; nodes under way go on." },
  revert: { label: "Revert", when: (rollout) => !["reverting", "reverted"].includes(rollout.status), asks: "All nodes that it moved go back to the release they had." },
};
const MOST_EVENTS = 200;
const natural = new Intl.Collator("en", { numeric: true }).compare;

const $ = (id) => document.getElementById(id);
const fleet = { nodes: new Map(), squares: new Map(), places: new Map(), rollouts: [], filter: null, stream: null, lastEvent: 0 };
let operator = null;
let shownNode = null;

/** Makes an element; a word among its children is text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function draw(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function table(caption, columns, rows) {
  const head = make("tr", {}, ...columns.map((column) => make("th", { scope: "col" }, column)));
  const body = rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell ?? ""))));
  return make("div", { class: "scroll" }, make("table", { "aria-label": caption }, make("thead", {}, head), make("tbody", {}, ...body)));
}

const shownTime = (written) => {
  const time = new Date(written ?? NaN);
  return isNaN(time) ? "" : time.toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
};
const seconds = (number) => `${(number ?? 0).toFixed(2)} s`;

// Asking.

function headers() {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function ask(method, path, body) {
  const answer = await fetch(path, { method, body, headers: headers(), cache: "no-store" });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  if (answer.status === 401) logIn();
  const problem = await answer.json().catch(() => ({ detail: `${path}: status ${answer.status}` }));
  throw new Error(problem.detail);
}

/** Reads an event stream. EventSource would send no token. */
async function follow(path, signal, onMessage) {
  const answer = await fetch(path, { headers: headers(), cache: "no-store", signal });
  if (answer.status === 401) return logIn();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    const messages = (kept + value).split("\n\n");
    kept = messages.pop();
    for (const message of messages) {
      const fields = Object.fromEntries(message.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      onMessage(fields.event, fields.data ? JSON.parse(fields.data) : null);
    }
  }
}

async function watch() {
  fleet.stream?.abort();
  const stream = (fleet.stream = new AbortController());
  for (let pause = 1; !stream.signal.aborted; pause = Math.min(pause * 2, 15)) {
    // The server says something every 15 s at least.
    const silence = new AbortController();
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), 45000);
    };
    heard();
    try {
      await follow(`/v1/fleet?follow&by=${encodeURIComponent($("by").value)}`, AbortSignal.any([stream.signal, silence.signal]), (event, data) => {
        heard();
        pause = 1;
        $("connection").textContent = "live";
        if (data) take[event]?.(data);
      });
    } catch (problem) {
      if (!stream.signal.aborted) console.info(`the stream ended: ${problem.message}`);
    }
    clearTimeout(timer);
    if (stream.signal.aborted) return;
    $("connection").textContent = "the head node does not answer; trying again";
    await new Promise((done) => setTimeout(done, pause * 1000));
  }
}

const take = {
  nodes({ whole, changed, removed }) {
    if (whole) clearNodes();
    for (const name of removed) removeNode(name);
    for (const node of changed) putNode(node);
    showLegend();
    showFailures();
    showRollouts();
  },
  rollouts(rollouts) {
    fleet.rollouts = rollouts;
    showRollouts();
  },
  status({ stale, problems }) {
    $("problem").textContent = stale ?? "";
    $("problems").replaceChildren(...(problems.length ? problems : ["none"]).map((problem) => make("li", {}, problem)));
  },
  event(event) {
    // A stream that begins again tells the last events again.
    if (event.event <= fleet.lastEvent) return;
    fleet.lastEvent = event.event;
    const what = event.diff.length ? event.diff.slice(0, 5).join("; ") : event.command;
    addEvent(event.time, `${event.who}: ${what}${event.diff.length > 5 ? " …" : ""}`);
  },
};

function addEvent(time, what) {
  const list = $("events");
  list.prepend(make("li", {}, make("time", { datetime: time, class: "dim" }, shownTime(time)), " ", what));
  while (list.children.length > MOST_EVENTS) list.lastElementChild.remove();
}

// Nodes.

const stateOf = (node) => (node.problem ? "problem" : node.failure && !HOLDS.has(node.state) && !FAILED.has(node.state) ? "failed" : node.state);
const whyOf = (node) => node.problem ?? node.reason ?? node.failure?.error ?? "";

function clearNodes() {
  fleet.nodes.clear();
  fleet.squares.clear();
  fleet.places.clear();
  $("nodes").replaceChildren();
}

function placeFor(name) {
  let place = fleet.places.get(name);
  if (place) return place;
  const by = $("by").value;
  const list = make("ul", { "aria-label": name || "no place" });
  place = { name, list, element: make("section", { class: "place" }, make("h3", {}, name === "" ? `no ${by}` : `${by} ${name}`), list) };
  fleet.places.set(name, place);
  const next = [...fleet.places.values()].find((other) => other !== place && (name !== "" && (other.name === "" || natural(name, other.name) < 0)));
  $("nodes").insertBefore(place.element, next ? next.element : null);
  return place;
}

function putNode(node) {
  const before = fleet.nodes.get(node.name);
  if (before && before.place !== node.place) removeNode(node.name);
  fleet.nodes.set(node.name, node);
  let square = fleet.squares.get(node.name);
  if (!square) {
    square = make("button", { type: "button", tabindex: fleet.squares.size ? -1 : 0, onclick: () => showNode(node.name) });
    square.dataset.node = node.name;
    fleet.squares.set(node.name, square);
    const list = placeFor(node.place).list;
    const last = list.lastElementChild?.firstChild.dataset.node;
    const next = last && natural(node.name, last) < 0 ? [...list.children].find((item) => natural(node.name, item.firstChild.dataset.node) < 0) : null;
    list.insertBefore(make("li", {}, square), next ?? null);
  }
  const state = stateOf(node);
  const why = whyOf(node);
  square.className = `square s-${state}`;
  square.textContent = MARKS.get(state) ?? "?";
  square.title = `${node.name}: ${state}${why ? `: ${why}` : ""}`;
  square.setAttribute("aria-label", square.title);
  filterSquare(node.name);
  if (before && before.state !== node.state) addEvent(new Date().toISOString(), `${node.name}: ${before.state} → ${node.state}${why ? `: ${why}` : ""}`);
  if (shownNode === node.name && before) showNode(node.name);
}

function removeNode(name) {
  fleet.nodes.delete(name);
  const item = fleet.squares.get(name)?.parentElement;
  fleet.squares.delete(name);
  const section = item?.closest("section");
  item?.remove();
  if (section && !section.querySelector("li")) {
    section.remove();
    for (const [key, place] of fleet.places) if (place.element === section) fleet.places.delete(key);
  }
}

function filterSquare(name) {
  const node = fleet.nodes.get(name);
  const find = $("find").value.trim().toLowerCase();
  const isHidden = (fleet.filter && stateOf(node) !== fleet.filter) || (find && !`${name} ${node.release ?? ""} ${whyOf(node)}`.toLowerCase().includes(find));
  fleet.squares.get(name).classList.toggle("hidden", Boolean(isHidden));
}

function filterAll() {
  for (const name of fleet.nodes.keys()) filterSquare(name);
}

function showLegend() {
  const counts = new Map();
  for (const node of fleet.nodes.values()) counts.set(stateOf(node), (counts.get(stateOf(node)) ?? 0) + 1);
  if (fleet.filter && !counts.has(fleet.filter)) {
    fleet.filter = null;
    filterAll();
  }
  const focused = document.activeElement?.dataset?.state;
  const items = STATES.filter(([state]) => counts.has(state)).map(([state, mark, meaning]) => {
    const choose = () => {
      fleet.filter = fleet.filter === state ? null : state;
      filterAll();
      showLegend();
    };
    const button = make("button", { type: "button", title: meaning, "aria-pressed": String(fleet.filter === state), onclick: choose },
      make("span", { class: `square s-${state}`, "aria-hidden": "true" }, mark), `${state} ${counts.get(state)}`);
    button.dataset.state = state;
    return make("li", {}, button);
  });
  $("legend").replaceChildren(...items);
  if (focused) $("legend").querySelector(`[data-state="${CSS.escape(focused)}"]`)?.focus();
}

/** One square is in the order of the tab key; the arrows lead to the others. */
function moveFocus(event) {
  const squares = [...$("nodes").querySelectorAll(".square:not(.hidden)")];
  const at = squares.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: squares.length - 1 }[event.key];
  if (at < 0 || to === undefined || !squares[to]) return;
  event.preventDefault();
  squares[at].tabIndex = -1;
  squares[to].tabIndex = 0;
  squares[to].focus();
}

function nodeButton(name) {
  return make("button", { type: "button", onclick: () => showNode(name) }, name);
}

function showFailures() {
  const failed = [...fleet.nodes.values()].filter((node) => node.failure || FAILED.has(node.state)).sort((a, b) => natural(a.name, b.name));
  const rows = failed.map((node) => [nodeButton(node.name), stateOf(node), shownTime(node.failure?.received ?? node.since), node.failure?.error ?? node.reason ?? ""]);
  $("failures").replaceChildren(rows.length ? table("Failures", ["Node", "State", "When", "First error"], rows) : make("p", { class: "dim" }, "none"));
}

// Rollouts.

function left(until) {
  const rest = Math.round((new Date(until) - Date.now()) / 1000);
  return rest > 0 ? `${Math.floor(rest / 60)} min ${rest % 60} s left` : "over";
}

function showRollout(rollout) {
  const id = `rollout-${rollout.id}`;
  const members = [...fleet.nodes.values()].filter((node) => node.rollout === rollout.id);
  const holders = members.filter((node) => HOLDS.has(node.state));
  const settled = rollout.waves.reduce((sum, wave) => sum + wave.settled, 0);
  const all = rollout.waves.reduce((sum, wave) => sum + wave.nodes, 0);
  const waves = rollout.waves.map((wave, index) => `${index === rollout.wave && !rollout.ended ? "now " : ""}${wave.settled} of ${wave.nodes}`).join(", then ");
  const orders = Object.entries(ORDERS).filter(([, order]) => operator?.role !== "view" && order.when(rollout));
  const buttons = orders.map(([name, { label, asks }]) => {
    const button = make("button", { type: "button", onclick: () => give(rollout, name, asks) }, label);
    button.dataset.order = `${rollout.id}/${name}`;
    return button;
  });
  const why = rollout.approval ? "waits for an approval" : !rollout.ended && !rollout.open ? "no node may begin now" : "";
  return make("article", { class: "rollout", "aria-labelledby": id },
    make("h3", { id }, `Rollout ${rollout.id} to ${rollout.release}: ${rollout.status}`),
    rollout.reason ? make("p", {}, rollout.reason) : null,
    make("p", {}, make("progress", { max: all, value: settled, "aria-label": "settled nodes" }), ` ${settled} of ${all} nodes are settled. Waves: ${waves}.`),
    make("p", {}, `Slots: ${rollout.slots.taken} of ${rollout.slots.most}. Failed: ${rollout.budget.failed} of ${rollout.budget.tried} tried; ` +
      `the budget is ${rollout.budget.percent} % and at least ${rollout.budget.min}.${why ? ` It ${why}.` : ""}`),
    make("p", { class: "dim" }, `Started ${shownTime(rollout.started)} by ${rollout.who}; ${rollout.policy}`),
    buttons.length ? make("div", { class: "orders" }, ...buttons) : null,
    holders.length ? table(`Nodes that hold slots of rollout ${rollout.id}`, ["Node", "State", "Since", "Until", "Why"],
      holders.sort((a, b) => natural(a.name, b.name)).map((node) => [nodeButton(node.name), node.state, shownTime(node.since),
        node.until ? make("span", { "data-until": node.until, title: shownTime(node.until) }, left(node.until)) : "", node.reason])) : null);
}

function showRollouts() {
  const focused = document.activeElement?.dataset?.order;
  const shown = fleet.rollouts.map(showRollout);
  $("rollouts").replaceChildren(...(shown.length ? shown : [make("p", { class: "dim" }, "none is running")]));
  if (focused) $("rollouts").querySelector(`[data-order="${CSS.escape(focused)}"]`)?.focus();
}

function confirmed(text, label) {
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = label;
  const dialog = $("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

async function give(rollout, order, asks) {
  if (asks && !(await confirmed(`${ORDERS[order].label} rollout ${rollout.id}? ${asks}`, ORDERS[order].label))) return;
  try {
    const { diff } = await ask("POST", `/v1/rollouts/${encodeURIComponent(rollout.id)}/${order}`);
    addEvent(new Date().toISOString(), diff.join("; "));
  } catch (problem) {
    addEvent(new Date().toISOString(), `${order}: ${problem.message}`);
  }
}

// One node.

function showBoot(boot, longest) {
  const kernel = boot.kernel_seconds ?? 0;
  const width = 1000;
  const scale = width / longest;
  const deepest = boot.steps.reduce((most, step) => Math.max(most, Math.min(step.depth ?? 0, 5)), 0);
  const bar = (x, length, row, kind, title) => draw("rect", { x: x * scale, y: row * 12, width: Math.max(length * scale, 1), height: 11, class: kind }, draw("title", {}, document.createTextNode(title)));
  const bars = [bar(0, kernel, 0, "kernel", `kernel: ${seconds(kernel)}`)];
  for (const step of boot.steps) {
    const title = `${step.name}: ${seconds(step.seconds)}${step.error ? `: ${step.error}` : ""}`;
    bars.push(bar(kernel + (step.start ?? 0), step.seconds ?? 0, Math.min(step.depth ?? 0, 5), step.outcome === "failed" ? "failed" : "", title));
  }
  const what = `${boot.release ?? boot.name ?? "boot"}${boot.fallback ? " (a fallback)" : ""}: ${boot.failure ? "failed" : `${seconds(kernel)} kernel and ${seconds(boot.seconds)} Mangrove`}`;
  const rows = boot.steps.map((step) => [`${"  ".repeat(Math.min(step.depth ?? 0, 10))}${step.name ?? ""}`, seconds(step.start), seconds(step.seconds), step.outcome, step.error]);
  return make("article", { class: "boot", "aria-label": `Boot of ${shownTime(boot.received)}` },
    make("h3", {}, `${shownTime(boot.received)}: ${what}`),
    boot.failure ? make("p", { class: "error" }, boot.failure) : null,
    draw("svg", { viewBox: `0 0 ${width} ${(deepest + 1) * 12}`, role: "img", "aria-label": `Timeline: ${what}` }, ...bars),
    make("details", {}, make("summary", {}, `${boot.steps.length} steps`), table("Steps", ["Step", "Begin", "Time", "Outcome", "Error"], rows)));
}

async function showNode(name) {
  shownNode = name;
  $("node-title").textContent = name;
  const dialog = $("node");
  if (!dialog.open) {
    $("node-body").replaceChildren("loading");
    dialog.showModal();
  }
  const path = `/v1/nodes/${encodeURIComponent(name)}`;
  try {
    const [node, boots] = await Promise.all([ask("GET", path), ask("GET", `${path}/boots`)]);
    if (shownNode !== name) return;
    const longest = Math.max(0.001, ...boots.map((boot) => Math.max((boot.kernel_seconds ?? 0) + (boot.seconds ?? 0),
      ...boot.steps.map((step) => (boot.kernel_seconds ?? 0) + (step.start ?? 0) + (step.seconds ?? 0)))));
    const facts = Object.entries({ ...node.state, ...node.served, files: undefined }).filter(([, value]) => value !== undefined);
    const values = (node.sources ?? []).map((source) => [source.path, JSON.stringify(source.value), source.from,
      source.hides.map((hidden) => `${JSON.stringify(hidden.value)} of ${hidden.from}`).join("; ")]);
    $("node-body").replaceChildren(
      table("State", ["", ""], facts.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])),
      make("h3", {}, "Values"), table("Values", ["Value", "", "From", "Hides"], values),
      make("h3", {}, "Last boots"), ...(boots.length ? boots.map((boot) => showBoot(boot, longest)) : [make("p", { class: "dim" }, "none was reported")]));
  } catch (problem) {
    $("node-body").replaceChildren(make("p", { class: "error" }, problem.message));
  }
}

// The beginning.

function logIn(problem = "") {
  fleet.stream?.abort();
  $("main").hidden = true;
  $("logout").hidden = true;
  $("login").hidden = false;
  $("who").textContent = "";
  $("events").replaceChildren();
  fleet.lastEvent = 0;
  $("connection").textContent = "not logged in";
  $("login-problem").textContent = problem || (sessionStorage.getItem("token") ? "The head node does not know this token." : "");
  sessionStorage.removeItem("token");
  $("token").focus();
}

async function begin() {
  try {
    operator = await ask("GET", "/v1/me");
  } catch (problem) {
    if ($("login").hidden) {
      $("connection").textContent = `${problem.message}; trying again`;
      setTimeout(begin, 5000);
    }
    return;
  }
  $("login").hidden = true;
  $("main").hidden = false;
  $("logout").hidden = false;
  $("logout").textContent = sessionStorage.getItem("token") ? "Log out" : "Log in";
  $("who").textContent = operator.role === "view" ? `${operator.name}, read-only` : `${operator.name}, ${operator.role}`;
  await watch();
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value.trim());
  $("token").value = "";
  begin();
});
$("logout").addEventListener("click", () => {
  sessionStorage.removeItem("token");
  logIn();
});
$("view").addEventListener("submit", (event) => event.preventDefault());
$("by").value = sessionStorage.getItem("by") ?? "rack";
$("by").addEventListener("change", () => {
  sessionStorage.setItem("by", $("by").value);
  watch();
});
$("find").addEventListener("input", filterAll);
$("nodes").addEventListener("keydown", moveFocus);
$("node-close").addEventListener("click", () => $("node").close());
$("node").addEventListener("close", () => {
  shownNode = null;
});
setInterval(() => {
  for (const element of document.querySelectorAll("[data-until]")) element.textContent = left(element.dataset.until);
}, 1000);
begin();
