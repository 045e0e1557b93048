package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestParseTracing(t *testing.T) {
	const own = "https://collector.example/v1/traces"
	cases := map[string]struct {
		reason  string
		data    map[string]string
		want    Tracing
		problem string
	}{
		"Default": {
			reason: "no traces are sent",
			want:   Tracing{Endpoint: DefaultTracingEndpoint},
		},
		"On": {
			reason: "the endpoint has a default",
			data:   map[string]string{"enabled": "true"},
			want:   Tracing{Enabled: true, Endpoint: DefaultTracingEndpoint},
		},
		"All": {
			reason: "all keys",
			data:   map[string]string{"enabled": "true", "endpoint": own, "credentialsSecret": "creds"},
			want:   Tracing{Enabled: true, Endpoint: own, CredentialsSecret: "creds"},
		},
		"NotBoolean": {
			reason:  "a wrong switch is off",
			data:    map[string]string{"enabled": "yes"},
			want:    Tracing{Endpoint: DefaultTracingEndpoint},
			problem: `config-tracing: enabled: "yes" is not "true" or "false"`,
		},
		"WrongEndpoint": {
			reason:  "the default endpoint must not get what is for another one",
			data:    map[string]string{"enabled": "true", "endpoint": "collector:4317"},
			want:    Tracing{Endpoint: "collector:4317"},
			problem: "using the default nothing: no traces are sent",
		},
		"WrongSecret": {
			reason:  "a name that no Secret can have",
			data:    map[string]string{"enabled": "true", "endpoint": own, "credentialsSecret": "a b"},
			want:    Tracing{Endpoint: own},
			problem: `config-tracing: credentialsSecret: "a b" is not a name`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseTracing(tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if len(problems) > 1 || (len(problems) == 1) != (tc.problem != "") ||
				len(problems) == 1 && !strings.Contains(problems[0].Error(), tc.problem) {
				t.Errorf("%s: want problem %q, got %v", tc.reason, tc.problem, problems)
			}
		})
	}
}

// TestWatchTracing: the settings of traces are those of the controller's namespace, also beside Tekton, which has its own.
func TestWatchTracing(t *testing.T) {
	data := map[string]string{"enabled": "true", "cacert": "x", "colour": "blue"}
	for _, tekton := range []string{"", "tekton-pipelines"} {
		w := newWatched(settingsIn("ns", TracingName, data), settingsIn("tekton-pipelines", TracingName, map[string]string{"enabled": "false"}))
		if tekton != "" {
			w.Beside(tekton)
		}
		if err := w.Load(t.Context(), w.client); err != nil {
			t.Fatal(err)
		}
		events := append(w.events(), w.pass(t, "tekton-pipelines", TracingName)...)
		if !w.store.Load().Tracing.Enabled {
			t.Errorf("beside %q: want traces", tekton)
		}
		if diff := cmp.Diff([]string{"SettingIgnored", "SettingUnknown"}, events); diff != "" {
			t.Errorf("beside %q: -want +got:\n%s", tekton, diff)
		}
		if ours := settingsIn("ns", TracingName, nil); !w.reads(client.ObjectKeyFromObject(ours)) {
			t.Errorf("beside %q: a change is not read", tekton)
		}
	}
}
