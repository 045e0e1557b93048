package promql

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

const monitoring = "../../config/monitoring/"

// expressions returns the expressions of all alerts and panels, by their place.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert string `json:"alert"`
					Expr  string `json:"expr"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	read(t, "operator/alerts.yaml", func(data []byte) error { return yaml.Unmarshal(data, &rules) })
	read(t, "dashboard.json", func(data []byte) error { return json.Unmarshal(data, &dashboard) })
	all := map[string][]string{}
	for _, g := range rules.Spec.Groups {
		for _, r := range g.Rules {
			all[r.Alert] = append(all[r.Alert], r.Expr)
		}
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], target.Expr)
		}
	}
	return all
}

func read(t *testing.T, file string, decode func([]byte) error) {
	t.Helper()
	data, err := os.ReadFile(monitoring + file)
	if err == nil {
		err = decode(data)
	}
	if err != nil {
		t.Fatalf("cannot read %s: %v", file, err)
	}
}

// TestExpressions: Prometheus can parse each expression.
func TestExpressions(t *testing.T) {
	all := expressions(t)
	if len(all) < 25 {
		t.Errorf("only %d alerts and panels: the test looks in the wrong place", len(all))
	}
	p := parser.NewParser(parser.Options{})
	for where, list := range all {
		for _, expression := range list {
			if _, err := p.ParseExpr(expression); err != nil {
				t.Errorf("%s: %v in %s", where, err, strings.TrimSpace(expression))
			}
		}
	}
	if _, err := p.ParseExpr("sum(rate(x[5m])"); err == nil {
		t.Error("a bracket is missing, and nobody says so")
	}
}
