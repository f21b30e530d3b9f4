// Uploads the files of an <input type="file"> to the bucket when they are chosen. The form then
// carries receipts in their place. See the documentation for events and styles.

const PARALLEL = 3;
const TRIES = 8;
// The milliseconds after which a request without progress has failed.
const QUIET = 60000;
const STORED = "direct-upload:";
// 400: a part was damaged on its way.
const RETRIED = new Set([0, 400, 408, 429, 500, 502, 503, 504]);

/** The place of a part in a file: [start, end). */
export function findPart(number, partSize, size) {
  const start = (number - 1) * partSize;
  return [start, Math.min(start + partSize, size)];
}

/** Milliseconds before try `count` (from 1): growing, and different for each browser. */
export function choosePause(count, random = Math.random) {
  return Math.min(30000, 500 * 2 ** count) * (0.5 + random() / 2);
}

/** "12.3 MB" in the reader's language. */
export function formatSize(bytes, language) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  const digits = unit && bytes < 100 ? 1 : 0;
  return new Intl.NumberFormat(language, {
    style: "unit", unit: units[unit], unitDisplay: unit ? "short" : "long", maximumFractionDigits: digits,
  }).format(bytes);
}

/** "2 min" in the reader's language. */
export function formatTime(seconds, language) {
  const [count, unit] = seconds < 90 ? [seconds, "second"]
    : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(language, {
    style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0,
  }).format(Math.max(1, Math.round(count)));
}

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

class Refused extends Error {}
class Stopped extends Error {}
class Failed extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true, signal });
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Stopped());
    }, { once: true });
  });
}

/** Send a body with progress, which fetch does not tell. */
function send(method, url, body, headers, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    // A line that has died says nothing by itself.
    let quiet;
    const watch = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => { reject(new Failed(0)); request.abort(); }, QUIET);
    };
    request.upload.onprogress = (event) => { watch(); progress(event.loaded); };
    request.onload = () => request.status < 300 ? resolve() : reject(new Failed(request.status));
    request.onerror = () => reject(new Failed(0));
    request.onabort = () => reject(new Stopped());
    request.onloadend = () => clearTimeout(quiet);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) reject(new Stopped());
    else { watch(); request.send(body); }
  });
}

async function hash(blob) {
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/** One file on its way. */
class Upload {
  constructor(element, file) {
    this.element = element;
    this.file = file;
    this.state = "running";
    this.sent = new Map();
    this.key = STORED + [location.pathname, element.input.name, file.name, file.size, file.lastModified].join("|");
  }

  get bytes() {
    let sum = 0;
    for (const count of this.sent.values()) sum += count;
    return Math.min(sum, this.file.size);
  }

  async run() {
    this.state = "running";
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.started = [performance.now(), this.bytes];
    this.show();
    try {
      const plan = await this.begin();
      if (plan.fields) await this.retry(() => this.post(plan));
      else await this.sendParts(plan, signal);
      this.state = "finishing";
      this.show();
      const receipt = await this.retry(() => this.ask("finish", { ticket: this.ticket }));
      this.forget();
      this.state = "done";
      this.element.keep(this, receipt);
    } catch (error) {
      if (error instanceof Stopped) return;
      this.stop.abort();
      this.state = "failed";
      this.reason = error instanceof Refused ? error.message : this.element.text("failed");
      this.refused = error instanceof Refused;
      if (this.refused) this.forget();
      this.show();
      this.element.tell("error", { file: this.file, message: this.reason });
    } finally {
      this.element.settle();
    }
  }

  /** Begin, or go on with an upload that an earlier page began. */
  async begin() {
    this.sent.clear();
    const ticket = this.ticket ?? this.recall();
    // Another tab with the same file begins an upload of its own.
    this.forget();
    if (ticket) {
      try {
        return this.take(await this.retry(() => this.ask("resume", { ticket })));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        this.ticket = null;
      }
    }
    const { name, size, type } = this.file;
    return this.take(await this.retry(() => this.ask("begin", { token: this.element.dataset.token, name, size, type })));
  }

  take(plan) {
    this.ticket = plan.ticket;
    if (!plan.fields) this.remember();
    for (const number of plan.arrived ?? []) {
      const [start, end] = findPart(number, plan.part_size, this.file.size);
      this.sent.set(number, end - start);
    }
    this.started = [performance.now(), this.bytes];
    return plan;
  }

  // A browser may forbid to keep anything.
  remember() { try { localStorage.setItem(this.key, this.ticket); } catch { /* goes on without */ } }
  recall() { try { return localStorage.getItem(this.key); } catch { return null; } }
  forget() { try { localStorage.removeItem(this.key); } catch { /* nothing was kept */ } }

  async ask(view, data) {
    const form = this.element.closest("form");
    const signal = AbortSignal.any([this.stop.signal, AbortSignal.timeout(QUIET)]);
    const token = form?.querySelector("[name=csrfmiddlewaretoken]")?.value
      ?? document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
    let response;
    try {
      response = await fetch(this.element.dataset.begin.replace(/begin\/$/, `${view}/`), {
        method: "POST", credentials: "same-origin", redirect: "manual", signal,
        headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        body: JSON.stringify(data),
      });
    } catch (error) {
      throw this.stop.signal.aborted ? new Stopped() : new Failed(0);
    }
    // A page for logging in is no answer.
    if (response.type === "opaqueredirect") throw new Refused(this.element.text("session"));
    const answer = await response.json().catch(() => ({}));
    if (response.ok && (view === "cancel" || answer.ticket || answer.receipt)) return answer;
    if (response.ok) throw new Refused(this.element.text("session"));
    if (answer.error && response.status < 500) throw new Refused(answer.error);
    throw new Failed(response.status);
  }

  post(plan) {
    const body = new FormData();
    for (const [name, value] of Object.entries(plan.fields)) body.append(name, value);
    body.append("file", this.file);
    return send("POST", plan.url, body, {}, this.stop.signal, (count) => this.advance(1, count));
  }

  async sendParts(plan, signal) {
    const count = Math.ceil(this.file.size / plan.part_size);
    const arrived = new Set(plan.arrived ?? []);
    const waiting = [];
    for (let number = 1; number <= count; number += 1) if (!arrived.has(number)) waiting.push(number);
    const work = async () => {
      while (waiting.length && !signal.aborted) await this.sendPart(plan, waiting.shift(), signal);
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  }

  async sendPart(plan, number, signal) {
    const blob = this.file.slice(...findPart(number, plan.part_size, this.file.size));
    const headers = { ...plan.headers };
    if (plan.checksums && globalThis.crypto?.subtle) headers["x-amz-checksum-sha256"] = await hash(blob);
    if (signal.aborted) throw new Stopped();
    let refusals = 0;
    await this.retry(async () => {
      const used = plan.signatures;
      const url = `${plan.url}&partNumber=${number}&X-Amz-Signature=${used[number - 1]}`;
      try {
        await send("PUT", url, blob, headers, signal, (bytes) => this.advance(number, bytes));
      } catch (error) {
        refusals += 1;
        if (error.status !== 403 || refusals > 3) throw error;
        // The link has expired. One part fetches new links for all.
        if (plan.signatures === used) await (plan.renewal ??= this.renew(plan));
        throw new Failed(0);
      }
    });
    this.advance(number, blob.size);
  }

  async renew(plan) {
    try {
      const { url, signatures } = await this.ask("resume", { ticket: this.ticket });
      Object.assign(plan, { url, signatures });
    } finally {
      plan.renewal = null;
    }
  }

  async retry(work) {
    for (let count = 1; ; count += 1) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Failed) || !RETRIED.has(error.status) || count === TRIES) throw error;
        const pause = choosePause(count);
        if (pause > 2000) {
          this.note = this.element.text("waiting", { seconds: Math.round(pause / 1000) });
          this.show();
        }
        await sleep(pause, this.stop.signal);
        this.note = "";
      }
    }
  }

  advance(number, count) {
    this.sent.set(number, count);
    this.show();
    this.element.tell("progress", { file: this.file, sent: this.bytes, size: this.file.size });
  }

  pause() {
    this.state = "paused";
    this.stop.abort();
    this.show();
  }

  async cancel() {
    const { ticket } = this;
    this.stop.abort();
    this.state = "cancelled";
    this.forget();
    this.element.drop(this);
    if (!ticket) return;
    this.stop = new AbortController();
    await this.ask("cancel", { ticket }).catch(() => { /* it expires */ });
  }

  describe() {
    const { element, state } = this;
    if (state === "failed") return this.reason;
    if (state === "done") return element.text("done", { size: formatSize(this.file.size, element.language) });
    if (state === "finishing") return element.text("finishing");
    const percent = this.file.size ? Math.floor(100 * this.bytes / this.file.size) : 0;
    if (state === "paused") return element.text("paused", { percent });
    if (this.note) return this.note;
    const seconds = (performance.now() - this.started[0]) / 1000;
    const rate = (this.bytes - this.started[1]) / seconds;
    if (seconds < 0.5 || !(rate > 0)) return element.text("preparing");
    const left = formatTime((this.file.size - this.bytes) / rate, element.language);
    return element.text("progress", { percent, left, rate: formatSize(rate, element.language) });
  }

  show() {
    this.element.render(this);
  }
}

// Parsing this module must not need a page: its functions have tests without one.
const Base = globalThis.HTMLElement ?? class {};

/** <direct-upload>: wraps a file input, and works without a script as that input does. */
export class DirectUploadElement extends Base {
  uploads = new Set();
  rows = new Map();

  connectedCallback() {
    this.input = this.querySelector("input[type=file]");
    if (!this.input) return;
    if (!this.list) this.build();
    this.ends = new AbortController();
    const { signal } = this.ends;
    this.input.addEventListener("change", () => this.choose([...this.input.files]), { signal });
    this.form = this.input.form;
    this.form?.addEventListener("submit", (event) => this.hold(event), { capture: true, signal });
    this.form?.addEventListener("reset", () => this.clear(), { signal });
    addEventListener("beforeunload", (event) => { if (this.isBusy) event.preventDefault(); }, { signal });
  }

  build() {
    this.list = document.createElement("ul");
    this.list.className = "direct-upload-files";
    this.status = document.createElement("p");
    this.status.className = "direct-upload-status";
    this.status.setAttribute("role", "status");
    this.append(this.list, this.status);
    this.isRequired = this.input.required || this.hasAttribute("data-required");
    for (const hidden of this.querySelectorAll("input[type=hidden][data-name]")) this.addKept(hidden);
  }

  disconnectedCallback() {
    this.ends?.abort();
    // An element that is only moved is connected again at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      for (const upload of this.uploads) if (upload.state === "running") upload.pause();
    });
  }

  get language() { return this.closest("[lang]")?.lang || undefined; }

  get isBusy() {
    return [...this.uploads].some(({ state }) => state === "running" || state === "finishing");
  }

  text(name, values = {}) {
    const key = `text${name.replace(/(?:^|-)(\w)/g, (_, letter) => letter.toUpperCase())}`;
    return fill(this.dataset[key] ?? "", values);
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(`direct-upload:${kind}`, { bubbles: true, detail }));
  }

  choose(files) {
    if (!files.length) return;
    if (!this.input.multiple) this.clear();
    // The form must not post the bytes as well.
    this.input.value = "";
    this.input.required = false;
    this.input.setAttribute("aria-required", String(this.isRequired));
    for (const file of files) {
      const upload = new Upload(this, file);
      this.uploads.add(upload);
      this.tell("start", { file });
      const most = Number(this.dataset.maxSize || Infinity);
      if (file.size > most) {
        upload.state = "failed";
        upload.refused = true;
        upload.reason = this.text("too-large", { size: formatSize(most, this.language) });
        upload.stop = new AbortController();
        upload.show();
        this.settle();
      } else upload.run();
    }
  }

  /** Wait for the uploads, then submit as the user did. */
  hold(event) {
    if (event.target !== this.form) return;
    this.submitter = event.submitter;
    const unsettled = [...this.uploads].filter(({ state }) => state !== "done");
    if (!unsettled.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.isQueued = this.isBusy;
    this.status.textContent = this.text(this.isQueued ? "queued" : "unsettled");
    if (!this.isQueued) this.focusUnsettled();
  }

  settle() {
    if (this.isBusy || !this.isQueued) return;
    this.isQueued = false;
    this.status.textContent = "";
    if ([...this.uploads].every(({ state }) => state === "done")) this.form.requestSubmit(this.submitter);
    else this.focusUnsettled();
  }

  focusUnsettled() {
    this.list.querySelector("li:not([data-state=done]) button:not([hidden])")?.focus();
  }

  keep(upload, { receipt, name, size }) {
    const hidden = document.createElement("input");
    hidden.type = "hidden";
    hidden.name = `${this.input.name}-receipt`;
    hidden.value = receipt;
    hidden.dataset.name = name;
    hidden.dataset.size = size;
    this.append(hidden);
    upload.hidden = hidden;
    upload.show();
    this.tell("done", { file: upload.file, receipt });
  }

  /** Show an upload that the form was sent with before. */
  addKept(hidden) {
    const file = { name: hidden.dataset.name, size: Number(hidden.dataset.size) };
    const upload = new Upload(this, file);
    Object.assign(upload, { state: "done", hidden, stop: new AbortController() });
    this.uploads.add(upload);
    this.render(upload);
  }

  drop(upload) {
    this.uploads.delete(upload);
    upload.hidden?.remove();
    this.rows.get(upload)?.row.remove();
    this.rows.delete(upload);
    if (!this.uploads.size) this.input.required = this.isRequired;
    this.input.focus();
    this.settle();
  }

  clear() {
    for (const upload of [...this.uploads]) {
      if (upload.state === "done") this.drop(upload);
      else upload.cancel();
    }
  }

  render(upload) {
    if (!this.uploads.has(upload)) return;
    if (!this.rows.has(upload)) this.rows.set(upload, this.makeRow(upload));
    const { row, bar, status, pause, cancel } = this.rows.get(upload);
    row.dataset.state = upload.state;
    bar.hidden = upload.state === "done" || upload.state === "failed";
    if (upload.state === "finishing") bar.removeAttribute("value");
    else bar.value = upload.file.size ? upload.bytes / upload.file.size : 1;
    const text = upload.describe();
    // A screen reader is told changes of state, and not each percent.
    if (status.dataset.state !== upload.state) {
      status.dataset.state = upload.state;
      status.setAttribute("aria-live", upload.state === "failed" ? "assertive" : "polite");
      status.textContent = text;
    } else if (upload.state === "running") {
      status.setAttribute("aria-live", "off");
      status.textContent = text;
    }
    const retries = upload.state === "failed" && !upload.refused;
    pause.hidden = upload.state === "done" || upload.state === "finishing" || (upload.state === "failed" && !retries);
    this.offer(pause, retries ? "retry" : upload.state === "paused" ? "resume" : "pause", upload);
    this.offer(cancel, upload.state === "done" || upload.refused ? "remove" : "cancel", upload);
  }

  // Not called `name`: the admin's script rewrites that of each element.
  offer(button, action, upload) {
    if (button.dataset.action === action) return;
    button.dataset.action = action;
    button.textContent = this.text(action);
    button.setAttribute("aria-label", this.text("of", { action: this.text(action), name: upload.file.name }));
  }

  makeRow(upload) {
    const make = (tag, className) => {
      const element = document.createElement(tag);
      element.className = `direct-upload-${className}`;
      return element;
    };
    const row = make("li", "file");
    const name = make("span", "name");
    name.textContent = upload.file.name;
    const bar = make("progress", "bar");
    bar.max = 1;
    bar.setAttribute("aria-label", upload.file.name);
    const status = make("span", "state");
    const pause = make("button", "pause");
    const cancel = make("button", "cancel");
    pause.type = cancel.type = "button";
    pause.addEventListener("click", () => upload.state === "running" ? upload.pause() : upload.run());
    cancel.addEventListener("click", () => upload.state === "done" ? this.drop(upload) : upload.cancel());
    row.append(name, pause, cancel, bar, status);
    this.list.append(row);
    return { row, bar, status, pause, cancel };
  }
}

globalThis.customElements?.define("direct-upload", DirectUploadElement);
