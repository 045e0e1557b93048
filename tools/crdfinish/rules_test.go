package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The API server evaluates a rule in CEL once for each element of the list, at the price of five to ten checks of the schema. So no
// list of a kind has such a rule, and no rule goes through a list. The webhooks have these rules: see
// docs/design/0037-rules-of-lists-are-in-the-webhook.md.
func TestNoRuleInsideAList(t *testing.T) {
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("want the CRDs of five kinds or more, got %d: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd map[string]any
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, version := range versionsOf(crd) {
			for _, rule := range costlyRules(at(version, "schema", "openAPIV3Schema"), "", false) {
				t.Errorf("%s: %s", filepath.Base(file), rule)
			}
		}
	}
}

func TestCostlyRules(t *testing.T) {
	ruled := func(rule string) map[string]any {
		return map[string]any{"type": "string", "x-kubernetes-validations": []any{map[string]any{"rule": rule}}}
	}
	within := func(key string, schema map[string]any) map[string]any {
		return map[string]any{"properties": map[string]any{"a": map[string]any{key: schema}}}
	}
	cases := map[string]struct {
		reason string
		schema map[string]any
		want   string
	}{
		"OfAField": {
			reason: "the API server evaluates it once",
			schema: map[string]any{"properties": map[string]any{"a": ruled("self != 'x'")}},
		},
		"OfAnElement": {
			reason: "there can be thousands of elements",
			schema: within("items", ruled("self != 'x'")),
			want:   ".a[]: self != 'x'",
		},
		"OfAMember": {
			reason: "so there can of members of a map",
			schema: within("additionalProperties", ruled("self != 'x'")),
			want:   ".a[]: self != 'x'",
		},
		"InAnElement": {
			reason: "a field of an element is there as often",
			schema: within("items", map[string]any{"properties": map[string]any{"b": ruled("self != 'x'")}}),
			want:   ".a[].b: self != 'x'",
		},
		"ThroughAList": {
			reason: "the rule visits each element",
			schema: ruled("self.all(x, x != 'x')"),
			want:   ": self.all(x, x != 'x')",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(costlyRules(tc.schema, "", false), "; "); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// visits matches the macros of CEL that evaluate an expression for each element of a list.
var visits = regexp.MustCompile(`\.(all|exists|exists_one|existsOne|filter|map|sortBy|transformList|transformMap)\(`)

// costlyRules returns the rules in a schema that are inside a list or a map, or go through one, with their paths.
func costlyRules(schema map[string]any, path string, inList bool) (found []string) {
	rules, _ := schema["x-kubernetes-validations"].([]any)
	for _, each := range rules {
		rule, _ := each.(map[string]any)
		if text, _ := rule["rule"].(string); inList || visits.MatchString(text) {
			found = append(found, path+": "+text)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name := range properties {
		found = append(found, costlyRules(at(properties, name), path+"."+name, inList)...)
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner := at(schema, key); inner != nil {
			found = append(found, costlyRules(inner, path+"[]", true)...)
		}
	}
	return found
}
