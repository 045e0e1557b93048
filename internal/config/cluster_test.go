package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseClusterResolver(t *testing.T) {
	cases := map[string]struct {
		reason   string
		data     map[string]string
		want     ClusterResolver
		problems []string
	}{
		"Empty": {
			reason: "Without settings, nothing is restricted.",
		},
		"All": {
			reason: "White space and empty entries do not count.",
			data: map[string]string{
				"default-kind": "Task", "default-namespace": " shared ", "allowed-namespaces": "a, b,,", "blocked-namespaces": "*",
			},
			want: ClusterResolver{DefaultKind: "task", DefaultNamespace: "shared", Allowed: []string{"a", "b"}, Blocked: []string{"*"}},
		},
		"EmptyLists": {
			reason: "An empty list is no list.",
			data:   map[string]string{"allowed-namespaces": " ", "blocked-namespaces": ","},
		},
		"Kind": {
			reason:   "A kind that no resolver reads.",
			data:     map[string]string{"default-kind": "customrun"},
			problems: []string{`default-kind: "customrun" is not one of`},
		},
		"Namespace": {
			reason:   "A name that no namespace has.",
			data:     map[string]string{"default-namespace": "Not_One"},
			problems: []string{`default-namespace: "Not_One" is not the name of a namespace`},
		},
		"Pattern": {
			reason:   "Patterns are not known; the entry stays, so that a list of it alone still closes everything.",
			data:     map[string]string{"allowed-namespaces": "team-*", "blocked-namespaces": "kube-*,default"},
			want:     ClusterResolver{Allowed: []string{"team-*"}, Blocked: []string{"kube-*", "default"}},
			problems: []string{`allowed-namespaces: "team-*" is not`, `blocked-namespaces: "kube-*" is not`},
		},
		"AllowedStar": {
			reason:   "Only what is blocked can be everything.",
			data:     map[string]string{"allowed-namespaces": "*"},
			want:     ClusterResolver{Allowed: []string{"*"}},
			problems: []string{`allowed-namespaces: "*" is not`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseClusterResolver(tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if len(problems) != len(tc.problems) {
				t.Fatalf("%s\nproblems: %v, want %q", tc.reason, problems, tc.problems)
			}
			for i, want := range tc.problems {
				if !strings.Contains(problems[i].Error(), want) {
					t.Errorf("%s\nproblem %q, want %q in it", tc.reason, problems[i], want)
				}
			}
		})
	}
}
