// Draws a dashboard with Grafana's own components from what its queries gave, which the page finds in `window.drawn`.
//
// What this shows: units, thresholds, colours, legends, the shape of the data. What it cannot show, because no component of
// it is published: variables, links, provisioning. Folded rows stay folded, as they are at first in Grafana.
import React from "react";
import { createRoot } from "react-dom/client";
import { FieldType, createTheme, dateTime, getDisplayProcessor, reduceField, ThemeContext } from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { BarGauge, BigValue, PanelChrome, Table, TimeSeries } from "@grafana/ui";

const WIDTH = 1400;
const ROW = 38;
const theme = createTheme({ colors: { mode: "dark" } });
const faults = (window.faults = []);
const { dashboard, data, from, to } = window.drawn;
const range = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: "", to: "" } };

class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  componentDidCatch(error) {
    faults.push(`${this.props.title}: ${error.stack ?? error}`);
  }
  render() {
    return this.state.error ? String(this.state.error) : this.props.children;
  }
}

const named = (target, labels) =>
  target.legendFormat
    ? target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "")
    : Object.values(labels).join(" ");

// The defaults of a panel, with the overrides that fit the name.
function settings(panel, name) {
  const config = structuredClone(panel.fieldConfig.defaults);
  config.custom = { drawStyle: "line", lineWidth: 1, showPoints: "never", axisPlacement: "auto", ...config.custom };
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    if (matcher.options === name) properties.forEach(({ id, value }) => (config[id] = value));
  }
  return config;
}

function field(panel, name, values, labels, index) {
  const made = { name, type: FieldType.number, values, labels, config: { ...settings(panel, name), displayNameFromDS: name } };
  made.state = { seriesIndex: index };
  made.display = getDisplayProcessor({ field: made, theme, timeZone: "utc" });
  return made;
}

function frames(panel) {
  const out = [];
  for (const { target, result, type } of data[panel.id] ?? []) {
    for (const { metric, value, values } of result) {
      const points = type === "matrix" ? values : [value];
      const time = { name: "Time", type: FieldType.time, values: points.map((it) => it[0] * 1000), config: {}, state: {} };
      time.display = getDisplayProcessor({ field: time, theme, timeZone: "utc" });
      const { __name__, job, instance, ...labels } = metric;
      const shown = target.legendFormat?.includes("{{instance}}") ? { ...labels, instance } : labels;
      const numbers = points.map((it) => Number(it[1]));
      out.push({ refId: target.refId, length: points.length, fields: [time, field(panel, named(target, shown), numbers, labels, out.length)] });
    }
  }
  return out;
}

function Stats({ panel, all, width, height }) {
  const { colorMode = "value", textMode = "auto" } = panel.options;
  return all.map(({ fields: [, it] }) => {
    const value = it.display(reduceField({ field: it, reducers: ["lastNotNull"] }).lastNotNull);
    if (textMode === "name") value.title = it.name;
    const size = { width: width / all.length, height };
    return <BigValue key={it.name} {...size} value={value} theme={theme} colorMode={colorMode} graphMode="none" textMode={textMode} />;
  });
}

function Bars({ panel, all, width, height }) {
  const most = Math.max(1, ...all.map((it) => it.fields[1].values.at(-1)));
  return all.map(({ fields: [, it] }) => {
    const value = { ...it.display(it.values.at(-1)), title: it.name };
    const config = { ...it.config, min: 0, max: most };
    const size = { width, height: Math.min(60, height / all.length - 4) };
    return <BarGauge key={it.name} {...size} value={value} field={config} theme={theme} display={it.display} displayMode="basic" orientation="horizontal" />;
  });
}

function Rows({ panel, all, width, height }) {
  const labels = [...new Set(all.flatMap((it) => Object.keys(it.fields[1].labels)))];
  const columns = labels.map((name) => {
    const values = all.map((it) => it.fields[1].labels[name] ?? "");
    const column = { name, type: FieldType.string, values, config: { custom: {} }, state: {} };
    column.display = getDisplayProcessor({ field: column, theme, timeZone: "utc" });
    return column;
  });
  return <Table data={{ fields: columns, length: all.length }} width={width} height={height} />;
}

function Body(given) {
  const { panel, width, height } = given;
  const all = frames(panel);
  if (all.length === 0) {
    faults.push(`${panel.title}: no data`);
    return "No data";
  }
  switch (panel.type) {
    case "timeseries": {
      const legend = { calcs: [], ...panel.options.legend };
      return <TimeSeries frames={all} width={width} height={height} timeRange={range} timeZone="utc" legend={legend} options={{}} />;
    }
    case "stat":
    case "gauge":
      return <Stats {...given} all={all} />;
    case "bargauge":
      return <Bars {...given} all={all} />;
    case "table":
      return <Rows {...given} all={all} />;
    default:
      faults.push(`${panel.title}: nothing draws ${panel.type}`);
      return null;
  }
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const size = { width: (w * WIDTH) / 24 - 8, height: h * ROW - 8 };
  const place = { position: "absolute", left: (x * WIDTH) / 24, top: y * ROW, ...size };
  if (panel.type === "row") return <div style={{ ...place, padding: 8 }}>{`${panel.collapsed ? "▸" : "▾"} ${panel.title}`}</div>;
  return (
    <div style={place}>
      <Guard title={panel.title}>
        <PanelChrome title={panel.title} {...size} padding="sm">
          {(width, height) => (
            <Guard title={panel.title}>
              <div style={{ display: panel.type === "stat" ? "flex" : "block", width, height }}>
                <Body panel={panel} width={width} height={height} />
              </div>
            </Guard>
          )}
        </PanelChrome>
      </Guard>
    </div>
  );
}

function Dashboard() {
  const height = Math.max(...dashboard.panels.map((it) => it.gridPos.y + it.gridPos.h)) * ROW;
  const { background, text } = theme.colors;
  const style = { position: "relative", width: WIDTH, height, background: background.canvas, color: text.primary };
  return (
    <ThemeContext.Provider value={theme}>
      <div id="dashboard" style={{ ...style, fontSize: 14, fontFamily: theme.typography.fontFamily }}>
        {dashboard.panels.map((it) => (
          <Panel key={it.id} panel={it} />
        ))}
      </div>
    </ThemeContext.Provider>
  );
}

await initPluginTranslations("grafana");
createRoot(document.getElementById("root")).render(<Dashboard />);
setTimeout(() => (window.done = true), 2500);
