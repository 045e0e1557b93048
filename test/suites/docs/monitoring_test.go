package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/test/testutil/tables"
)

var update = flag.Bool("update", false, "update the table of metrics in the documentation")

const (
	metricsPage = root + "/docs/metrics.md"
	alertsPage  = root + "/docs/alerts.md"
	monitoring  = root + "/config/monitoring"

	tableBegins = "<!-- metrics: written by go test ./test/suites/docs -update -->\n"
	tableEnds   = "<!-- end of metrics -->"
)

// TestMetricsTable: the page must list every metric of the code.
func TestMetricsTable(t *testing.T) {
	page := read(t, metricsPage)
	before, rest, ok := strings.Cut(page, tableBegins)
	table, after, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		t.Fatalf("%s has no place for the table of metrics", metricsPage)
	}
	want := metricsTables()
	if *update {
		if err := os.WriteFile(metricsPage, []byte(before+tableBegins+want+tableEnds+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("%s does not list the current metrics; run go test ./test/suites/docs -update", metricsPage)
	}
}

// metricsTables returns a table for each group of metrics, and a list of the values of their labels.
func metricsTables() string {
	var out strings.Builder
	for _, group := range metrics.Groups() {
		fmt.Fprintf(&out, "\n### %s\n\n| metric | type | labels | what |\n|---|---|---|---|\n", group.Title)
		for _, m := range group.Metrics {
			var names []string
			for _, l := range m.Labels {
				names = append(names, l.Name)
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, codes(names), m.Help)
		}
		out.WriteString("\n" + labelsOf(group))
	}
	return out.String()
}

// labelsOf returns a list with the values of the labels of a group. Labels with the same values share a line. A label that does not
// have the same values in all metrics of the group has a line for each of them.
func labelsOf(group metrics.Group) string {
	metricsWith := map[metrics.Label][]string{}
	variants := map[string]int{}
	var order []string // of values
	labels := map[string][]metrics.Label{}
	for _, m := range group.Metrics {
		for _, l := range m.Labels {
			if metricsWith[l] == nil {
				variants[l.Name]++
				if labels[l.Values] == nil {
					order = append(order, l.Values)
				}
				labels[l.Values] = append(labels[l.Values], l)
			}
			metricsWith[l] = append(metricsWith[l], m.Name)
		}
	}
	var out strings.Builder
	for _, values := range order {
		var common []string
		for _, l := range labels[values] {
			if variants[l.Name] > 1 {
				fmt.Fprintf(&out, "* `%s` of %s:\n  %s\n", l.Name, codes(shortened(metricsWith[l])), values)
			} else {
				common = append(common, l.Name)
			}
		}
		if len(common) > 0 {
			fmt.Fprintf(&out, "* %s: %s\n", codes(common), values)
		}
	}
	return out.String()
}

// shortened returns the common end of names, such as …_total, or else the names without the common beginning of those of Tekton.
func shortened(names []string) []string {
	if len(names) == 1 {
		return names
	}
	end := names[0]
	for {
		_, rest, more := strings.Cut(end, "_")
		if !more {
			break
		}
		end = rest
		if !slices.ContainsFunc(names, func(name string) bool { return !strings.HasSuffix(name, "_"+end) }) {
			return []string{"…_" + end}
		}
	}
	var all []string
	for _, name := range names {
		all = append(all, strings.Replace(name, "tekton_pipelines_controller_", "…_", 1))
	}
	return all
}

// codes returns names as code, separated by commas.
func codes(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// rule is one alert.
type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Spec struct {
			Groups []struct{ Rules []rule }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, monitoring+"/operator/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Spec.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// TestAlertsSayWhatToDo: the page must describe exactly the alerts that exist.
func TestAlertsSayWhatToDo(t *testing.T) {
	inPage := map[string]struct{}{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(Sluice\\w+)` \\| .+ \\| .+ \\|$").FindAllStringSubmatch(read(t, alertsPage), -1) {
		inPage[row[1]] = struct{}{}
	}
	for _, r := range alerts(t) {
		if _, ok := inPage[r.Alert]; !ok {
			t.Errorf("%s does not say what to do about %s", alertsPage, r.Alert)
		}
		delete(inPage, r.Alert)
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
			t.Errorf("%s has no severity, or no summary", r.Alert)
		}
	}
	for name := range inPage {
		t.Errorf("%s describes an alert %s, which does not exist", alertsPage, name)
	}
}

// TestMonitoredMetricsExist: every metric in an alert or a dashboard must be one of this project or one that the page names.
func TestMonitoredMetricsExist(t *testing.T) {
	known := map[string]struct{}{}
	for _, m := range metrics.Catalog() {
		known[m.Name] = struct{}{}
		if m.Type == metrics.Histogram {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				known[m.Name+suffix] = struct{}{}
			}
		}
	}
	_, page, _ := strings.Cut(read(t, metricsPage), tableEnds)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| .+ \\|$").FindAllStringSubmatch(page, -1) {
		known[row[1]] = struct{}{}
	}
	expressions := dashboard(t)
	for _, r := range alerts(t) {
		expressions[r.Alert] = append(expressions[r.Alert], r.Expr)
	}
	if len(expressions) < 25 {
		t.Errorf("only %d alerts and panels: the test looks in the wrong place", len(expressions))
	}
	// Values of labels are between quotes, and no name of a label has one of these prefixes.
	metric := regexp.MustCompile(`\b(?:tekton|sluice|controller|workqueue|leader|rest|process|go|certwatcher)_[a-z0-9_]+\b`)
	for where, list := range expressions {
		for _, expression := range list {
			names := metric.FindAllString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expression, ""), -1)
			if len(names) == 0 {
				t.Errorf("%s uses no metric: %s", where, expression)
			}
			for _, name := range names {
				if _, ok := known[name]; !ok {
					t.Errorf("%s uses %s, which does not exist", where, name)
				}
			}
		}
	}
}

// dashboard returns the expressions of each panel.
func dashboard(t *testing.T) map[string][]string {
	t.Helper()
	var file struct {
		Panels []struct {
			Title   string `json:"title"`
			Type    string `json:"type"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, monitoring+"/dashboard.json")), &file); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, p := range file.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], target.Expr)
		}
	}
	return all
}

// TestMetricsOfResolvers: the page must list every metric of the resolvers, and no other.
func TestMetricsOfResolvers(t *testing.T) {
	inCode := map[string]struct{}{}
	for text := range texts(t, root+"/internal/resolvers") {
		if strings.HasPrefix(text, "sluice_resolvers_") {
			inCode[text] = struct{}{}
		}
	}
	listed := tables.First(read(t, root+"/docs/spec/v1/resolvers.md"), "metric")
	for _, name := range listed {
		if _, ok := inCode[name]; !ok {
			t.Errorf("docs/spec/v1/resolvers.md lists %s, which does not exist", name)
		}
		delete(inCode, name)
	}
	for name := range inCode {
		t.Errorf("docs/spec/v1/resolvers.md does not list %s", name)
	}
}
