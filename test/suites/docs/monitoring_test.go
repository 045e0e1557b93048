package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/metrics"
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
	var want strings.Builder
	want.WriteString("\n| metric | type | labels | what |\n|---|---|---|---|\n")
	for _, m := range metrics.Catalog() {
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, describeLabels(m.Labels), m.Help)
	}
	want.WriteString("\n")
	if *update {
		if err := os.WriteFile(metricsPage, []byte(before+tableBegins+want.String()+tableEnds+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want.String() {
		t.Errorf("%s does not list the current metrics; run go test ./test/suites/docs -update", metricsPage)
	}
}

// describeLabels returns the labels of a metric with their values. Labels with the same values that follow each other share them.
func describeLabels(labels []metrics.Label) string {
	var all []string
	var names []string
	for i, l := range labels {
		names = append(names, "`"+l.Name+"`")
		if i+1 < len(labels) && labels[i+1].Values == l.Values {
			continue
		}
		all = append(all, strings.Join(names, ", ")+": "+l.Values)
		names = nil
	}
	return strings.Join(all, "; ")
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
