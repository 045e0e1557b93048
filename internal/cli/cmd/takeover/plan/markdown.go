package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown returns the plan as a page.
func (p Plan) Markdown() string {
	var b strings.Builder
	b.WriteString("# Plan: move this cluster from Tekton to Sluice\n\nThis plan was read from the cluster. Nothing was changed.\n")
	fmt.Fprintf(&b, "Kubernetes is %s.\n", p.Kubernetes)
	p.incomplete(&b)
	list(&b, "What cannot move yet", p.Blockers, "Nothing was found that prevents the move.")
	p.steps(&b)
	list(&b, "What would delete objects", p.Deletions, "")
	p.components(&b)
	p.kinds(&b)
	p.webhooks(&b)
	p.settings(&b)
	p.counted(&b, "Resolvers", "Requests by type of the resolver. Without requests the resolvers in use are not known.",
		"type", p.Resolvers, "No requests were found.")
	p.counted(&b, "Custom tasks", "Their controllers continue: they watch CustomRuns, which Sluice creates, too.", "kind", p.CustomTasks,
		"No CustomRuns were found.")
	p.counted(&b, "Policies", "They continue to have an effect.", "policy", p.Policies, "No policies for these kinds were found.")
	return b.String()
}

// incomplete lists what could not be read, first: the rest of the plan is wrong without it.
func (p Plan) incomplete(b *strings.Builder) {
	if len(p.Unread) == 0 {
		return
	}
	b.WriteString("\n## Not read\n\nThe plan is not complete, because this could not be read:\n\n")
	rows := [][]string{{"what", "missing right", "cause"}}
	for _, gap := range p.Unread {
		rows = append(rows, []string{gap.What, gap.Right, gap.Cause})
	}
	table(b, rows)
}

func (p Plan) steps(b *strings.Builder) {
	b.WriteString("\n## Steps\n")
	for i, step := range p.Steps {
		fmt.Fprintf(b, "\n%d. **%s.** %s\n", i+1, step.Title, line(step.Effect))
		if len(step.Commands) > 0 {
			b.WriteString("\n   ```shell\n")
			for _, command := range step.Commands {
				b.WriteString("   " + command + "\n")
			}
			b.WriteString("   ```\n")
		}
	}
}

func (p Plan) components(b *strings.Builder) {
	b.WriteString("\n## Programs\n\n")
	if len(p.Components) == 0 {
		b.WriteString(p.none("No programs of Tekton were found.") + "\n")
		return
	}
	rows := [][]string{{"program", "namespace", "version", "deployments", "after the move"}}
	for _, c := range p.Components {
		found := "unknown"
		if c.Version != "" {
			found = c.Version + " (" + c.From + ")"
		}
		rows = append(rows, []string{c.Name, c.Namespace, found, strings.Join(c.Deployments, ", "), c.Effect})
	}
	table(b, rows)
}

func (p Plan) kinds(b *strings.Builder) {
	b.WriteString("\n## Kinds\n\n")
	if len(p.Kinds) == 0 {
		b.WriteString(p.none("No kinds of tekton.dev were found.") + "\n")
		return
	}
	rows := [][]string{{"kind", "served", "written as", "stored as", "conversion webhook", "objects", "not ended"}}
	for _, k := range p.Kinds {
		number, unfinished, conversion := fmt.Sprint(k.Objects), "", "no"
		if k.Objects < 0 {
			number = "unknown"
		}
		if k.Unfinished != nil {
			unfinished = fmt.Sprint(k.Unfinished.Objects)
		}
		if k.Conversion {
			conversion = "yes"
		}
		served, stored := strings.Join(k.Served, ", "), strings.Join(k.Stored, ", ")
		rows = append(rows, []string{k.CRD, served, k.Storage, stored, conversion, number, unfinished})
	}
	table(b, rows)
}

func (p Plan) webhooks(b *strings.Builder) {
	b.WriteString("\n## Webhooks\n\n")
	if len(p.Webhooks) == 0 {
		b.WriteString(p.none("No webhooks for these kinds were found.") + "\n")
		return
	}
	rows := [][]string{{"type", "configuration", "service"}}
	for _, w := range p.Webhooks {
		rows = append(rows, []string{w.Type, w.Configuration, w.Service})
	}
	table(b, rows)
}

// maxShown is how many settings that need a decision the page shows.
const maxShown = 50

// settings prints the counts of each ConfigMap, and the settings that need a decision.
func (p Plan) settings(b *strings.Builder) {
	b.WriteString("\n## Settings\n\n")
	if len(p.Settings) == 0 {
		b.WriteString(p.none("No settings were found.") + "\n")
		return
	}
	order := []Standing{ActedOn, Same, Different, Security, NotKnown, Invalid}
	header := []string{"ConfigMap"}
	for _, standing := range order {
		header = append(header, string(standing))
	}
	rows, last := [][]string{header}, ""
	counts := map[Standing]int{}
	flush := func() {
		row := []string{last}
		for _, standing := range order {
			row = append(row, fmt.Sprint(counts[standing]))
		}
		rows = append(rows, row)
		clear(counts)
	}
	for _, s := range p.Settings {
		name := s.Namespace + "/" + s.ConfigMap
		if last != "" && name != last {
			flush()
		}
		last = name
		counts[s.Standing]++
	}
	flush()
	table(b, rows)
	var decide []string
	for _, s := range p.Settings {
		if s.Text != "" {
			decide = append(decide, s.Text)
		}
	}
	if len(decide) == 0 {
		return
	}
	b.WriteString("\n")
	for _, text := range decide[:min(len(decide), maxShown)] {
		b.WriteString("- " + line(text) + "\n")
	}
	if more := len(decide) - maxShown; more > 0 {
		fmt.Fprintf(b, "- and %d more: -o json has all of them\n", more)
	}
}

func (p Plan) counted(b *strings.Builder, title, text, column string, all []Counted, none string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(all) == 0 {
		b.WriteString(p.none(none) + "\n")
		return
	}
	b.WriteString(text + "\n\n")
	rows := [][]string{{column, "objects", "names"}}
	for _, c := range all {
		rows = append(rows, []string{c.Name, fmt.Sprint(c.Objects), names(c)})
	}
	table(b, rows)
}

func list(b *strings.Builder, title string, entries []string, none string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(entries) == 0 {
		b.WriteString(none + "\n")
		return
	}
	for _, entry := range entries {
		b.WriteString("- " + line(entry) + "\n")
	}
}

// table prints rows; the first one is the header.
func table(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = line(cell)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
}

// line returns a text on one line that cannot end a cell or begin an element of HTML: names and values come from the cluster.
func line(text string) string {
	text = strings.Join(slices.Collect(strings.FieldsSeq(text)), " ")
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'").Replace(text)
}
