/** A world map on a canvas, for mouse, touch and keyboard. It needs no tile server. */

import { circle, draw, project, unproject, world } from "./geography.js";

/** @typedef {import("./geography.js").Point} Point */

const STEP = 24; // pixels that an arrow key moves the map
const ZOOM_STEP = 2;
const CLOSEST = 2 ** 20; // largest width of the world in pixels: 40 m a pixel
const CLICK = 5; // pixels that a pointer may move during a click
const FLIGHT = 500; // milliseconds
const TOP = 0.4; // centre of the first view on the plane; it is north of the equator, where most land is

/**
 * @typedef {object} Layers the contents of the map, besides the world
 * @property {Point | null} point longitude and latitude of the place
 * @property {number | null} uncertainty of the place, in metres
 * @property {any} cell GeoJSON Feature: the H3 cell of the place
 * @property {any} range GeoJSON FeatureCollection of cells with their `presence`, 0 to 1
 */

export class WorldMap {
  /** @type {Layers} */
  #layers = { point: null, uncertainty: null, cell: null, range: null };
  /** @type {Record<string, Path2D | [number, Path2D][]>} layers as paths */
  #paths = {};
  #view = { x: 0.5, y: TOP, width: 0 }; // its centre on the plane, and the width of the world in pixels
  /** @type {Map<number, Point>} pressed pointers */
  #pointers = new Map();
  #travelled = 0;
  #flight = 0;
  #isDrawing = false;

  /**
   * @param {HTMLElement} frame focusable, with a canvas in it
   * @param {(longitude: number, latitude: number) => void} choose called with the place that the visitor points at
   * @param {(longitude: number, latitude: number) => void} moved called with the place of the cross
   */
  constructor(frame, choose, moved) {
    this.frame = frame;
    this.canvas = /** @type {HTMLCanvasElement} */ (frame.querySelector("canvas"));
    this.choose = choose;
    this.moved = moved;
    new ResizeObserver(() => this.#resize()).observe(frame);
    for (const event of ["focus", "blur"]) frame.addEventListener(event, () => this.redraw());
    frame.addEventListener("keydown", (event) => this.#key(event));
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#drag(event));
    frame.addEventListener("pointerup", (event) => this.#up(event));
    frame.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
    world().then((paths) => this.#addWorld(paths));
  }

  /** Replace these layers. @param {Partial<Layers>} layers */
  show(layers) {
    this.#layers = { ...this.#layers, ...layers };
    const { point, uncertainty, cell, range } = this.#layers;
    if ("cell" in layers) this.#paths.cell = cell ? draw(cell.geometry) : new Path2D();
    if ("range" in layers) this.#paths.range = range ? byPresence(range.features) : [];
    if ("point" in layers || "uncertainty" in layers) {
      this.#paths.circle = point && uncertainty ? circle(point, uncertainty) : new Path2D();
    }
    this.redraw();
  }

  /** Move the place to the centre, and zoom in if needed. @param {Point} degrees @param {number} [width] least width of the world in pixels */
  goTo(degrees, width = 0) {
    const [x, y] = project(degrees);
    this.#fly({ x: this.#nearest(x), y, width: Math.max(this.#view.width, width) });
  }

  /** Show the whole world. */
  goOut() {
    this.#fly({ x: 0.5, y: TOP, width: this.#widest() });
  }

  /** Zoom about the place if it is visible, else about the centre. @param {number} steps negative: out */
  zoom(steps) {
    const factor = ZOOM_STEP ** steps;
    const point = this.#layers.point && this.#pixels(project(this.#layers.point));
    const inSight = point && point[0] > 0 && point[0] < this.#size[0] && point[1] > 0 && point[1] < this.#size[1];
    this.#fly(this.#zoomed(factor, inSight ? point : [this.#size[0] / 2, this.#size[1] / 2]));
  }

  /** Draw the map again before the next frame. */
  redraw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  /** Size of the canvas, in CSS pixels. @returns {Point} */
  get #size() {
    return [this.frame.clientWidth, this.frame.clientHeight];
  }

  /** Return the smallest width of the world that fills the frame. */
  #widest() {
    return Math.max(...this.#size);
  }

  /** Return the copy of `x` that is nearest to the view, because the world repeats. @param {number} x */
  #nearest(x) {
    return x + Math.round(this.#view.x - x);
  }

  /** Convert a point of the plane to pixels of the canvas. @param {Point} plane @returns {Point} */
  #pixels([x, y]) {
    const { x: middle, y: centre, width } = this.#view;
    return [(this.#nearest(x) - middle) * width + this.#size[0] / 2, (y - centre) * width + this.#size[1] / 2];
  }

  /** Convert pixels of the canvas to a point of the plane. @param {Point} pixels @returns {Point} */
  #plane([left, top]) {
    const { x, y, width } = this.#view;
    return [x + (left - this.#size[0] / 2) / width, y + (top - this.#size[1] / 2) / width];
  }

  /** Return the view, magnified about a pixel. @param {number} factor @param {Point} about */
  #zoomed(factor, about) {
    const width = Math.max(this.#widest(), Math.min(CLOSEST, this.#view.width * factor));
    const [x, y] = this.#plane(about);
    return { x: x - (about[0] - this.#size[0] / 2) / width, y: y - (about[1] - this.#size[1] / 2) / width, width };
  }

  /** Set the view, within the limits of the world. @param {{x: number, y: number, width: number}} view */
  #look(view) {
    const width = Math.max(view.width, this.#widest());
    const margin = Math.min(0.5, this.#size[1] / 2 / width);
    this.#view = { x: view.x, y: Math.max(margin, Math.min(1 - margin, view.y)), width };
    this.redraw();
  }

  /** Move to a view, animated unless the visitor prefers reduced motion. @param {{x: number, y: number, width: number}} to */
  #fly(to) {
    cancelAnimationFrame(this.#flight);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#look(to);
      return;
    }
    const from = this.#view;
    const start = performance.now();
    const frame = (/** @type {number} */ now) => {
      const share = Math.max(0, Math.min(1, (now - start) / FLIGHT));
      const eased = share * share * (3 - 2 * share);
      const width = from.width * (to.width / from.width) ** eased;
      // The centre moves so that the point of the zoom stays in its place on the screen.
      const moved = to.width === from.width ? eased : (1 / width - 1 / from.width) / (1 / to.width - 1 / from.width);
      this.#look({ x: from.x + (to.x - from.x) * moved, y: from.y + (to.y - from.y) * moved, width });
      if (share < 1) this.#flight = requestAnimationFrame(frame);
    };
    this.#flight = requestAnimationFrame(frame);
  }

  /** Move the view. @param {number} right pixels @param {number} down pixels */
  #pan(right, down) {
    cancelAnimationFrame(this.#flight);
    const { x, y, width } = this.#view;
    this.#look({ x: x + right / width, y: y + down / width, width });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const [right, down] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (right || down) {
      this.#pan(right, down);
      this.moved(...unproject([this.#view.x, this.#view.y]));
    } else if (event.key === "+" || event.key === "=") this.#fly(this.#zoomed(ZOOM_STEP, this.#middle));
    else if (event.key === "-") this.#fly(this.#zoomed(1 / ZOOM_STEP, this.#middle));
    else if (event.key === "Enter") this.choose(...unproject([this.#view.x, this.#view.y]));
    else return;
    event.preventDefault();
  }

  /** Centre of the canvas, in pixels. @returns {Point} */
  get #middle() {
    return [this.#size[0] / 2, this.#size[1] / 2];
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    cancelAnimationFrame(this.#flight);
    this.#look(this.#zoomed(2 ** (-event.deltaY / 300), this.#at(event)));
  }

  /** Return the pixel of an event. @param {MouseEvent} event @returns {Point} */
  #at(event) {
    const { left, top } = this.frame.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.frame.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
    this.#travelled = this.#pointers.size > 1 ? Infinity : 0;
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    this.#travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (this.#travelled < CLICK) return;
    const share = other ? 0.5 : 1; // with two fingers, each moves the map by half
    this.#pan((before[0] - now[0]) * share, (before[1] - now[1]) * share);
    if (other) {
      const apart = (/** @type {Point} */ one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
      this.#look(this.#zoomed(apart(now) / Math.max(1, apart(before)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]));
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (this.#pointers.delete(event.pointerId) && this.#travelled < CLICK) {
      this.choose(...unproject(this.#plane(this.#at(event))));
    }
  }

  #resize() {
    const isFirst = this.#view.width === 0;
    this.#look(isFirst ? { x: 0.5, y: TOP, width: this.#widest() } : this.#view);
  }

  /** @param {{land: Path2D, borders: Path2D}} paths */
  #addWorld(paths) {
    Object.assign(this.#paths, paths);
    this.redraw();
  }

  #draw() {
    const [width, height] = this.#size;
    const density = devicePixelRatio;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const style = getComputedStyle(this.frame);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--map-${name}`);
    const { x, y, width: scale } = this.#view;
    if (scale === 0) return; // the page has no layout yet
    const reach = width / scale / 2;
    for (let copy = Math.floor(x - reach) - 1; copy <= Math.floor(x + reach) + 1; copy += 1) {
      context.setTransform(
        scale * density, 0, 0, scale * density,
        ((copy - x) * scale + width / 2) * density, (height / 2 - y * scale) * density,
      );
      this.#drawWorld(context, colour, 1 / scale);
    }
    context.setTransform(density, 0, 0, density, 0, 0);
    if (this.#layers.point) this.#drawPoint(context, colour, this.#pixels(project(this.#layers.point)));
    if (this.frame.matches(":focus-visible")) drawCross(context, colour("cross"), this.#middle);
  }

  /**
   * @param {CanvasRenderingContext2D} context in coordinates of the plane
   * @param {(name: string) => string} colour
   * @param {number} pixel size of a pixel on the plane
   */
  #drawWorld(context, colour, pixel) {
    const { land, borders, cell, circle: ring, range } = /** @type {any} */ (this.#paths);
    if (!land) return;
    context.fillStyle = colour("land");
    context.fill(land, "evenodd");
    context.fillStyle = colour("range");
    for (const [presence, path] of range ?? []) {
      context.globalAlpha = 0.2 + 0.5 * presence;
      context.fill(path, "evenodd");
    }
    context.globalAlpha = 1;
    context.lineWidth = 0.8 * pixel;
    context.strokeStyle = colour("border");
    context.stroke(borders);
    context.lineWidth = 1.5 * pixel;
    context.strokeStyle = colour("cell");
    if (cell) context.stroke(cell);
    if (ring) {
      context.strokeStyle = colour("point");
      context.globalAlpha = 0.15;
      context.fillStyle = colour("point");
      context.fill(ring);
      context.globalAlpha = 1;
      context.stroke(ring);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(name: string) => string} colour
   * @param {Point} pixels
   */
  #drawPoint(context, colour, [left, top]) {
    context.beginPath();
    context.arc(left, top, 6.5, 0, 2 * Math.PI);
    context.fillStyle = colour("point");
    context.fill();
    context.lineWidth = 2.5;
    context.strokeStyle = colour("halo");
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {Point} pixels
 */
function drawCross(context, colour, [left, top]) {
  context.beginPath();
  for (const [right, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(left + 4 * right, top + 4 * down);
    context.lineTo(left + 16 * right, top + 16 * down);
  }
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.stroke();
}

/**
 * Draw cells as one path for each tenth of presence. There may be thousands of cells.
 * @param {any[]} features
 * @returns {[number, Path2D][]}
 */
function byPresence(features) {
  /** @type {Map<number, Path2D>} */
  const paths = new Map();
  for (const { geometry, properties } of features) {
    const tenth = Math.ceil(properties.presence * 10) / 10;
    paths.set(tenth, draw(geometry, paths.get(tenth)));
  }
  return [...paths];
}
