// The live part of the page: the camera picture with faces drawn over it, and the curves of the facial regions.
// All data comes over one web socket (see stream.py); each message is acknowledged once it is drawn, and only then is
// the next one sent. Nothing is drawn between messages.

const SPAN_S = 8;
const BANNER_MS = 4000;
// The watcher's outline: [first, last + 1, closed]. Other lengths are drawn as points.
const OUTLINE = { points: 78, parts: [[0, 5, 0], [5, 10, 0], [10, 16, 1], [16, 22, 1], [22, 27, 0], [27, 30, 0], [30, 42, 1], [42, 78, 1]] };
const COLOURS = ["ink", "muted", "faint", "grid", "accent", "negative", "positive", "surprise", "open", "macro", "blink", "surface", "font"];

export default {
  template: `
    <div class="live">
      <section class="panel picture" :data-frame="frame">
        <canvas ref="picture" role="img" aria-label="Camera picture"></canvas>
        <div v-if="banner" class="banner" :class="banner.label ?? 'open'"><b>{{ nameOf(banner) }}</b><span>micro-expression</span></div>
        <div v-if="held" class="hold">{{ held }}</div>
        <div v-if="shown" class="notice" :class="shown[0]"><b>{{ shown[1] }}</b><span v-if="shown[2]">{{ shown[2] }}</span></div>
      </section>
      <section class="panel curves">
        <header><h2>Motion of the face</h2><span class="key"><i class="span"></i>onset to offset<i class="apex"></i>apex<i class="dash"></i>what counts as a movement</span></header>
        <canvas ref="curves" role="img" aria-label="Motion of facial regions over the last seconds"></canvas>
      </section>
    </div>`,
  props: { names: Object, held: String, landmarks: Boolean },
  data: () => ({ notice: ["calm", "Waiting for the camera", ""], cut: false, frame: -1, banner: null }),
  computed: {
    shown() {
      if (!this.cut) return this.notice;
      const ended = this.notice?.[1] === "Ending";
      return [ended ? "calm" : "alarm", ended ? "apexcam has ended" : "The connection is lost", "this page reconnects by itself when it runs again"];
    },
  },
  watch: {
    cut(now) {
      document.body.classList.toggle("cut", now);
    },
    landmarks() {
      this.drawPicture();
    },
    names() {
      this.drawCurves();
    },
    held(now) {
      if (!now) this.banner = null;
    },
  },
  mounted() {
    this.clear();
    this.readColours();
    this.onTheme = new MutationObserver(() => {
      this.readColours();
      this.drawCurves();
      this.drawPicture();
    });
    this.onTheme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    this.onSize = new ResizeObserver(() => {
      this.drawCurves();
      this.drawPicture();
    });
    this.onSize.observe(this.$refs.picture.parentElement);
    this.onSize.observe(this.$refs.curves);
    this.onSight = () => this.acknowledge();
    document.addEventListener("visibilitychange", this.onSight);
    this.connect();
  },
  unmounted() {
    this.closed = true;
    this.socket?.close();
    this.onTheme.disconnect();
    this.onSize.disconnect();
    document.removeEventListener("visibilitychange", this.onSight);
  },
  methods: {
    clear() {
      this.columns = [];
      this.marks = [];
      this.top = 1;
    },

    // --- the stream

    connect() {
      // NiceGUI sets the page's id a moment after this component is mounted.
      if (!window.clientId) return setTimeout(() => this.connect(), 20);
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${location.host}/stream/${window.clientId}`);
      socket.binaryType = "arraybuffer";
      socket.onmessage = (message) => this.take(message.data);
      socket.onopen = () => (this.cut = false);
      socket.onclose = () => {
        this.cut = true;
        if (!this.closed) setTimeout(() => this.connect(), 1000);
      };
      this.socket = socket;
    },

    // A page in the background does not acknowledge, so nothing more is sent to it.
    acknowledge() {
      if (this.unacknowledged && !document.hidden && this.socket.readyState === WebSocket.OPEN) {
        this.unacknowledged = false;
        this.socket.send("drawn");
      }
    },

    async take(data) {
      const length = new DataView(data).getUint32(0, true);
      const update = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      if (update.reset) {
        this.clear();
        this.lanes = update.lanes ?? [];
      }
      this.limits = update.limits ?? this.limits;
      for (const column of update.columns ?? []) this.columns.push(column);
      for (const mark of update.marks ?? []) this.marks.push(mark);
      if (!update.reset) this.announce(update.marks ?? []);
      if (this.columns.length) {
        const oldest = this.columns[this.columns.length - 1][0] - SPAN_S - 0.5;
        while (this.columns[0][0] < oldest) this.columns.shift();
        while (this.marks.length && this.marks[0].offset < oldest) this.marks.shift();
      }
      const notice = update.notice ?? null;
      if (String(notice) !== String(this.notice)) this.notice = notice;
      if (data.byteLength > 4 + length) {
        try {
          const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
          this.bitmap?.close();
          this.bitmap = bitmap;
          this.faces = update.faces ?? [];
          this.size = update.size?.[0] ? update.size : [bitmap.width, bitmap.height];
          this.frame = update.frame;
        } catch {
          // Keep the last picture if this one is damaged.
        }
        this.drawPicture();
      }
      this.drawCurves();
      this.unacknowledged = true;
      this.acknowledge();
    },

    announce(marks) {
      const mark = marks.filter((mark) => mark.kind === "micro").pop();
      if (!mark) return;
      clearTimeout(this.bannerTimer);
      this.banner = mark;
      this.bannerTimer = setTimeout(() => this.held || (this.banner = null), BANNER_MS);
    },

    nameOf(mark) {
      if (mark.kind !== "micro") return mark.kind === "blink" ? "Blink" : "Macro";
      return mark.label ? (this.names?.[mark.label] ?? mark.label) : "Not named";
    },

    // --- drawing

    readColours() {
      const style = getComputedStyle(document.body);
      this.colour = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    },

    // The canvas at the screen's own resolution; its context in CSS pixels.
    prepare(canvas, width, height) {
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
      const context = canvas.getContext("2d", { alpha: true });
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      return context;
    },

    drawPicture() {
      const canvas = this.$refs.picture;
      if (!this.bitmap || !canvas) return;
      const { clientWidth: width, clientHeight: height } = canvas;
      const context = this.prepare(canvas, width, height);
      // Fill the canvas if that crops almost nothing, else fit the picture into it.
      const fits = [width / this.size[0], height / this.size[1]].sort((a, b) => a - b);
      const scale = fits[1] < 1.06 * fits[0] ? fits[1] : fits[0];
      const [w, h] = [this.size[0] * scale, this.size[1] * scale];
      const [x0, y0] = [(width - w) / 2, (height - h) / 2];
      context.clearRect(0, 0, width, height);
      context.drawImage(this.bitmap, x0, y0, w, h);
      if (!this.landmarks) return;
      const at = ([x, y]) => [x0 + x * scale, y0 + y * scale];
      for (const face of this.faces) this.drawFace(context, face, at);
    },

    drawFace(context, face, at) {
      const lost = face.status === "lost";
      context.lineJoin = context.lineCap = "round";
      if (face.points.length && !lost) {
        context.strokeStyle = "rgba(255,255,255,.75)";
        context.fillStyle = "rgba(255,255,255,.8)";
        context.lineWidth = 1;
        context.beginPath();
        const points = face.points.map(at);
        if (points.length === OUTLINE.points) {
          for (const [from, to, closed] of OUTLINE.parts) {
            points.slice(from, to).forEach((p, i) => (i ? context.lineTo(...p) : context.moveTo(...p)));
            if (closed) context.closePath();
          }
          context.stroke();
        } else {
          for (const [x, y] of points) context.rect(x - 1, y - 1, 2, 2);
          context.fill();
        }
      }
      if (face.crop.length && !lost) {
        context.strokeStyle = "rgba(120,165,255,.95)";
        context.lineWidth = 1.5;
        context.setLineDash([5, 4]);
        context.beginPath();
        face.crop.map(at).forEach((p, i) => (i ? context.lineTo(...p) : context.moveTo(...p)));
        context.closePath();
        context.stroke();
        context.setLineDash([]);
      }
      if (face.box) this.drawBox(context, face, at);
    },

    // Only corners, because a whole rectangle hides too much.
    drawBox(context, face, at) {
      const [x, y, w, h] = face.box;
      const [l, t] = at([x, y]);
      const [r, b] = at([x + w, y + h]);
      const arm = Math.min(18, (r - l) / 4);
      context.strokeStyle = face.status === "ok" || face.status === "settling" ? "#fff" : "#ffb454";
      context.lineWidth = 2;
      context.beginPath();
      for (const [cx, cy, dx, dy] of [[l, t, 1, 1], [r, t, -1, 1], [r, b, -1, -1], [l, b, 1, -1]]) {
        context.moveTo(cx + dx * arm, cy);
        context.lineTo(cx, cy);
        context.lineTo(cx, cy + dy * arm);
      }
      context.stroke();
    },

    drawCurves() {
      const canvas = this.$refs.curves;
      if (!canvas || !canvas.clientWidth) return;
      const { clientWidth: width, clientHeight: height } = canvas;
      const context = this.prepare(canvas, width, height);
      context.clearRect(0, 0, width, height);
      const lanes = this.lanes ?? [];
      const colour = this.colour;
      const [left, right, above, below] = [width < 480 ? 56 : 72, 8, 20, 18];
      const now = this.columns.length ? this.columns[this.columns.length - 1][0] : 0;
      const x = (t) => width - right - ((now - t) / SPAN_S) * (width - left - right);
      context.font = `12px ${colour.font}`;
      context.textBaseline = "alphabetic";
      this.drawTime(context, x, now, left, width - right, above, height - below);
      if (!lanes.length) return;
      const laneHeight = (height - above - below) / lanes.length;
      this.top = this.scale();
      context.strokeStyle = colour.grid;
      context.lineWidth = 1;
      context.beginPath();
      for (let i = 1; i <= lanes.length; i++) {
        context.moveTo(left, above + i * laneHeight + 0.5);
        context.lineTo(width - right, above + i * laneHeight + 0.5);
      }
      context.stroke();
      context.save();
      context.beginPath();
      context.rect(left, 0, width - left - right, height);
      context.clip();
      for (const mark of this.marks) this.drawMark(context, mark, x, [left, width - right], above, height - below);
      context.restore();
      let region = 0;
      lanes.forEach(([name, regions], i) => {
        const base = above + (i + 1) * laneHeight;
        const y = (value) => base - Math.min(value / this.top, 1.05) * (laneHeight - 8);
        context.fillStyle = colour.muted;
        context.textAlign = "left";
        context.fillText(name, 0, base - laneHeight / 2 + 4);
        context.save();
        context.beginPath();
        context.rect(left, 0, width - left - right, height);
        context.clip();
        this.drawLane(context, region, regions.length, x, y, base, [left, width - right]);
        context.restore();
        region += regions.length;
      });
      context.fillStyle = colour.faint;
      context.textAlign = "left";
      context.fillText(`${this.top} px`, 0, above - 8);
    },

    // The full height of a lane in crop pixels: a round number above all visible values, but above 2 px only if most
    // of them are, or one macro-expression would flatten the micro-expressions next to it.
    scale() {
      const most = this.columns.filter((c) => c.length > 1).map((c) => c.slice(1).reduce((a, b) => Math.max(a, b)));
      most.sort((a, b) => a - b);
      const usual = most[Math.floor(0.7 * most.length)] ?? 0;
      const needed = Math.max(usual, Math.min(2, most[most.length - 1] ?? 0));
      return [0.5, 1, 2, 4, 8, 16].find((top) => top >= needed) ?? 32;
    },

    drawTime(context, x, now, left, right, above, bottom) {
      context.textAlign = "center";
      for (let back = SPAN_S; back >= 0; back -= 2) {
        const at = x(now - back);
        context.strokeStyle = this.colour.grid;
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(Math.round(at) + 0.5, above);
        context.lineTo(Math.round(at) + 0.5, bottom);
        context.stroke();
        context.fillStyle = this.colour.faint;
        context.textAlign = back === 0 ? "right" : back === SPAN_S ? "left" : "center";
        context.fillText(back ? `−${back} s` : "now", at, bottom + 14);
      }
    },

    drawMark(context, mark, x, limits, above, bottom) {
      const tone = this.colour[mark.kind === "micro" ? (mark.label ?? "open") : mark.kind] || this.colour.open;
      const [onset, apex, offset] = [x(mark.onset), x(mark.apex), x(mark.offset)];
      const quiet = mark.kind !== "micro";
      context.fillStyle = tone;
      context.globalAlpha = quiet ? 0.1 : 0.18;
      context.fillRect(onset, above, Math.max(2, offset - onset), bottom - above);
      context.globalAlpha = quiet ? 0.7 : 1;
      context.strokeStyle = tone;
      context.lineWidth = 1;
      context.beginPath();
      for (const edge of [onset, offset]) {
        context.moveTo(edge, above);
        context.lineTo(edge, bottom);
      }
      context.stroke();
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(apex, above);
      context.lineTo(apex, bottom);
      context.stroke();
      context.beginPath();
      context.moveTo(apex - 5, above - 5);
      context.lineTo(apex + 5, above - 5);
      context.lineTo(apex, above + 2);
      context.fill();
      context.textAlign = "center";
      context.font = `${quiet ? 400 : 600} 12px ${this.colour.font}`;
      const name = this.nameOf(mark);
      const half = context.measureText(name).width / 2;
      const [first, last] = [limits[0] + half, limits[1] - half];
      if (offset > limits[0]) context.fillText(name, Math.min(last, Math.max(first, (onset + offset) / 2)), above - 9);
      context.font = `12px ${this.colour.font}`;
      context.globalAlpha = 1;
    },

    drawLane(context, from, count, x, y, base, [left, right]) {
      const columns = this.columns;
      const colour = this.colour;
      const most = (column) => {
        let value = column[1 + from];
        for (let i = 2 + from; i <= from + count; i++) if (column[i] > value) value = column[i];
        return value;
      };
      context.lineJoin = "round";
      const runs = [];
      let run = null;
      for (const column of columns) {
        if (column.length < 2) run = null;
        else if (run) run.push(column);
        else runs.push((run = [column]));
      }
      const trace = (run, value) => run.forEach((c, i) => (i ? context.lineTo(x(c[0]), y(value(c))) : context.moveTo(x(c[0]), y(value(c)))));
      context.fillStyle = colour.accent;
      context.globalAlpha = 0.14;
      for (const run of runs) {
        context.beginPath();
        trace(run, most);
        context.lineTo(x(run[run.length - 1][0]), base);
        context.lineTo(x(run[0][0]), base);
        context.fill();
      }
      context.strokeStyle = colour.accent;
      context.globalAlpha = 0.3;
      context.lineWidth = 1;
      context.beginPath();
      // Single regions only where they moved; at rest they would just thicken the line.
      for (let i = from; i < from + count; i++) {
        const limit = this.limits?.[i] ?? 0;
        if (columns.some((c) => c[1 + i] > limit)) for (const run of runs) trace(run, (c) => c[1 + i]);
      }
      context.stroke();
      context.globalAlpha = 1;
      context.lineWidth = 1.6;
      context.beginPath();
      for (const run of runs) trace(run, most);
      context.stroke();
      const limits = (this.limits ?? []).slice(from, from + count);
      if (!limits.length) return;
      const limit = y(Math.min(...limits));
      context.strokeStyle = colour.muted;
      context.globalAlpha = 0.7;
      context.setLineDash([4, 4]);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(left, limit);
      context.lineTo(right, limit);
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
    },
  },
};
