// Turns each dashboard into a literal of Grafana's own types, which TypeScript then checks: a key that does not exist and a
// word that is none are errors. Panels' options and fields are held to the schema of their kind.
import fs from "node:fs";
import path from "node:path";

const KINDS = { timeseries: "TimeSeries", stat: "Stat", gauge: "Gauge", bargauge: "BarGauge", table: "Table" };
// Whose fields have settings of their own.
const CUSTOM = ["timeseries", "table"];
const LITERAL =
  "type L<T> = unknown extends T ? T : T extends string ? `${T}` : T extends (infer U)[] ? L<U>[] : " +
  "T extends object ? { [K in keyof T]: L<T[K]> } : T;";

const [into, ...files] = process.argv.slice(2);
fs.mkdirSync(into, { recursive: true });
for (const file of files) {
  const dashboard = JSON.parse(fs.readFileSync(file, "utf8"));
  const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter((panel) => panel.type !== "row");
  const kinds = new Set(panels.map((panel) => panel.type));
  const lines = ["import type { Dashboard } from '@grafana/schema';", LITERAL];
  for (const kind of kinds) {
    if (!KINDS[kind]) throw new Error(`${file}: nothing is known of panels of the kind ${kind}`);
    const place = `@grafana/schema/dist/esm/raw/composable/${kind}/panelcfg/x/${KINDS[kind]}PanelCfg_types.gen`;
    lines.push(`import type * as ${KINDS[kind]} from '${place}';`);
  }
  lines.push(`export const dashboard: L<Dashboard> = ${JSON.stringify(dashboard, null, 1)};`);
  for (const panel of panels) {
    const kind = KINDS[panel.type];
    lines.push(`export const options${panel.id}: L<Partial<${kind}.Options>> = ${JSON.stringify(panel.options)};`);
    if (CUSTOM.includes(panel.type)) {
      const custom = JSON.stringify(panel.fieldConfig.defaults.custom);
      lines.push(`export const fields${panel.id}: L<Partial<${kind}.FieldConfig>> = ${custom};`);
    }
  }
  fs.writeFileSync(path.join(into, `${path.basename(file, ".json")}.ts`), lines.join("\n") + "\n");
}
