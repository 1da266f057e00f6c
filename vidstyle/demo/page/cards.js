// The cards that tell about each style.
import { made } from "./own.js";
import { goTo } from "./place.js";
import { recalled } from "./memory.js";
import { Styles, by, sketched, thumbnail } from "./styles.js";

const FIGURES = {
  style_distance: ["From the style's picture", (value) => value.toFixed(2)],
  content_distance: ["From what is painted", (value) => value.toFixed(2)],
  grid_db: ["Grid", (value) => `${value.toFixed(1)} dB`],
};
const MEASURED = "Taken when it was made: how far its paintings are from both pictures (less is nearer), and the grid in them (up to 13 dB, none shows).";
const SIZE = "How large it is.";

customElements.define("vs-cards", class extends Styles {
  show(all) {
    this.replaceChildren(...all.map(card));
  }
});

function card(style) {
  const painted = made("img", { src: thumbnail(style.key), alt: `The harbour in the style of ${style.title}`, loading: "lazy" });
  const pictures = made("div", { class: "pictures" }, sketched(painted, style));
  if (style.original) pictures.prepend(made("img", { src: `/vidstyle/original/${encodeURIComponent(style.key)}`, alt: `${style.title}, the original`, loading: "lazy" }));
  const use = made("button", { type: "button" }, "Use");
  use.addEventListener("click", () => goTo(recalled("page").painted ?? "webcam", style.key));
  const link = made("a", { href: `/vidstyle/style/${encodeURIComponent(style.key)}`, download: "", "aria-label": `Download ${style.title}` }, "Download");
  const title = made("h3", {}, style.title);
  return made(
    "article", {},
    pictures, title,
    made("p", {}, by(style) || (style.own ? "Your own" : "")),
    made("p", { class: "licence" }, licence(style), ...original(style)),
    details(style),
    made("div", { class: "acts" }, use, link),
  );
}

function licence(style) {
  if (style.own) return "Only you see it here.";
  if (/public domain/i.test(style.licence)) return "After a work in the public domain: free for any use. ";
  return style.licence ? `Licence: ${style.licence}. ` : "No licence is named. ";
}

// The paintings themselves do not come along; where they can be seen is a page of somebody else's.
function original(style) {
  if (style.own || !style.artist) return [];
  const words = encodeURIComponent(`${style.artist} ${style.title.replace(/ \(.*\)|,.*/, "")}`);
  const link = made("a", { href: `https://commons.wikimedia.org/w/index.php?search=${words}`, target: "_blank", rel: "noopener" }, "See the original");
  return [link];
}

function details(style) {
  const figures = made("dl"), isMeasured = Object.keys(FIGURES).some((name) => name in style.metrics);
  const add = (name, value) => figures.append(made("div", {}, made("dt", {}, name), made("dd", {}, value)));
  for (const [name, [title, written]] of Object.entries(FIGURES)) {
    if (name in style.metrics) add(title, written(style.metrics[name]));
  }
  add("Parameters", style.parameters.toLocaleString("en"));
  add("File", `${Math.max(1, Math.round(style.bytes / 1024))} KB`);
  return made("details", {}, made("summary", {}, "Measurements"), made("p", {}, isMeasured ? MEASURED : SIZE), figures);
}
