// Asks /api/ingests each second and shows the answer. Text goes in as text only: what an ingest
// says can't become markup. Elements are kept from one answer to the next, so focus and selection stay.

const PERIOD_MS = 1000;
const ANSWER_WITHIN_MS = 4000;

const STATES = { receiving: "Receiving", degraded: "Degraded", waiting: "Waiting", stopped: "Stopped" };
const LOST = { network: "RTP packets in the network", kernel: "datagrams in the kernel", upstream: "TS packets upstream", unattributed: "TS packets before the NIC" };

const page = {
  summary: document.getElementById("summary"),
  alarm: document.getElementById("alarm"),
  ingests: document.getElementById("ingests"),
};
let answeredAt = null;

async function turn() {
  try {
    const response = await fetch("api/ingests", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (!response.ok) throw new Error(`encoder-ui answered ${response.status}`);
    const { ingests } = await response.json();
    answeredAt = Date.now();
    page.alarm.hidden = true;
    sync(page.ingests, "ingest-template", ingests, (ingest) => ingest.url, showIngest);
    summarise(ingests);
  } catch (error) {
    const age = answeredAt === null ? "" : ` What is shown is ${seconds(Date.now() - answeredAt)} old.`;
    page.alarm.textContent = `encoder-ui does not answer (${error.message}).${age}`;
    page.alarm.hidden = false;
    document.title = "(?) Encoder";
  }
  setTimeout(turn, PERIOD_MS);
}

function summarise(ingests) {
  const away = ingests.filter((ingest) => ingest.away).length;
  const channels = ingests.flatMap((ingest) => ingest.channels);
  const ill = channels.filter((channel) => channel.enabled && channel.status.state !== "receiving").length;
  const parts = [count(channels.length, "channel"), ill === 0 ? "none ill" : `${ill} ill`];
  if (away > 0) parts.push(`${count(away, "ingest")} away`);
  set(page.summary, parts.join(" · "));
  const title = ill + away > 0 ? `(${ill + away}) Encoder` : "Encoder";
  if (document.title !== title) document.title = title;
}

function showIngest(at, ingest) {
  at.root.classList.toggle("away", ingest.away);
  set(at.url, ingest.url);
  set(at.age, ingest.age_ms === null || !ingest.away ? "" : `away: what is shown is ${seconds(ingest.age_ms)} old`);
  const notice = noticeOf(ingest);
  at.notice.hidden = notice === null;
  at.notice.classList.toggle("calm", !ingest.away);
  set(at.notice, notice ?? "");
  sync(at.channels, "channel-template", ingest.channels, (channel) => channel.id, showChannel);
}

function noticeOf(ingest) {
  if (ingest.away) return `This ingest is away: ${ingest.error ?? "it does not answer"}.`;
  if (ingest.age_ms === null) return ingest.error ?? "Asking this ingest…";
  return ingest.channels.length === 0 ? "This ingest has no channels yet: declare some in its --channels file, or make them through its API." : null;
}

function showChannel(at, channel) {
  const { status } = channel;
  at.root.dataset.state = channel.enabled ? status.state : "waiting";
  set(at.name, channel.name);
  set(at.id, channel.id);
  set(at.state, channel.enabled ? (STATES[status.state] ?? status.state) : "Disabled");
  set(at.detail, status.detail || (status.reason === "ok" ? contentOf(status) : status.reason));
  set(at.bitrate, `${(status.bitrate_bps / 1e6).toFixed(2)} Mbit/s`);
  set(at.viewers, String(status.viewers));
  set(at.since, new Date(status.since).toLocaleTimeString());
  at.since.title = status.since;
  const input = channel.inputs[status.active_input] ?? channel.inputs[0];
  set(at.input, input ? [input.url, input.interface].filter(Boolean).join(" on ") : "made by a processing node");
  const lost = Object.entries(LOST).filter(([cause]) => status.lost[cause] > 0);
  set(at.lost, lost.length === 0 ? "nothing" : lost.map(([cause, what]) => `${status.lost[cause]} ${what}`).join(", "));
  const url = channel.watch_url;
  set(at.watch, url ?? "no address to watch it");
  if (url) at.watch.href = url;
  else at.watch.removeAttribute("href");
  at.copy.hidden = !url || !navigator.clipboard;
  at.copy.setAttribute("aria-label", `Copy the address of ${channel.name}`);
  at.copy.onclick = async () => {
    await navigator.clipboard.writeText(url);
    set(at.copy, "Copied");
    setTimeout(() => set(at.copy, "Copy"), 1500);
  };
}

function contentOf(status) {
  const streams = status.services.flatMap((service) => service.streams);
  const words = streams.map((stream) => [stream.type, stream.detail, languageOf(stream)].filter(Boolean).join(" "));
  return words.length === 0 ? "All is well." : words.join(", ");
}

// ISO 639-2: "und" is what is not determined.
function languageOf(stream) {
  return stream.language === "und" ? null : stream.language;
}

// Makes the children of `parent` those of `items`, in their order: one element of the template each.
function sync(parent, template, items, keyOf, show) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const key = keyOf(item);
    let child = before.get(key);
    before.delete(key);
    if (!child) {
      child = document.getElementById(template).content.firstElementChild.cloneNode(true);
      child.dataset.key = key;
      child.fields = Object.fromEntries([...child.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field]));
    }
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
    show({ root: child, ...child.fields }, item);
  });
  for (const gone of before.values()) gone.remove();
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function count(n, word) {
  return `${n} ${word}${n === 1 ? "" : "s"}`;
}

function seconds(ms) {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

turn();
