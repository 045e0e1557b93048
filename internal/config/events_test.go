package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEvents(t *testing.T) {
	cases := map[string]struct {
		reason   string
		data     map[string]string
		defaults map[string]string
		want     string // the sink that receives events
		problems []string
	}{
		"Off": {
			reason: "without a sink no events are sent",
			data:   map[string]string{"formats": "tektonv1"},
		},
		"Sink": {
			reason: "a sink is enough",
			data:   map[string]string{"sink": " http://broker.events:8080/ci?team=a "},
			want:   "http://broker.events:8080/ci?team=a",
		},
		"Default": {
			reason:   "the older key applies if the newer one is not set",
			data:     map[string]string{"formats": "tektonv1", "sink": ""},
			defaults: map[string]string{"default-cloud-events-sink": "https://older.example.com"},
			want:     "https://older.example.com",
		},
		"Precedence": {
			reason:   "the newer key has precedence",
			data:     map[string]string{"sink": "https://newer.example.com"},
			defaults: map[string]string{"default-cloud-events-sink": "https://older.example.com"},
			want:     "https://newer.example.com",
		},
		"BadSink": {
			reason:   "with a mistake in the newer key the events must not go to the receiver of the older one",
			data:     map[string]string{"sink": "broker.events:8080"},
			defaults: map[string]string{"default-cloud-events-sink": "https://older.example.com"},
			problems: []string{`config-events: sink: "broker.events:8080" is not an http or https URL`},
		},
		"BadDefault": {
			reason:   "the older key is checked, too",
			defaults: map[string]string{"default-cloud-events-sink": "ftp://older.example.com"},
			problems: []string{`config-defaults: default-cloud-events-sink: "ftp://older.example.com" is not an http or https URL`},
		},
		"NoHost": {
			reason:   "an address without a host",
			data:     map[string]string{"sink": "http:///path"},
			problems: []string{`sink: "http:///path"`},
		},
		"User": {
			reason:   "a password does not belong into a ConfigMap",
			data:     map[string]string{"sink": "https://me:secret@example.com"},
			problems: []string{"without a user name"},
		},
		"LongSink": {
			reason:   "an address has a limit",
			data:     map[string]string{"sink": "https://example.com/" + strings.Repeat("a", 2048)},
			problems: []string{"at most 2048 bytes"},
		},
		"OtherFormat": {
			reason:   "a format that does not exist here is refused by name, and nothing is sent in another one",
			data:     map[string]string{"sink": "http://sink", "formats": "cdevents"},
			problems: []string{`formats: "cdevents" is not a list with "tektonv1"`},
		},
		"OneMoreFormat": {
			reason:   "the other formats of the list are used",
			data:     map[string]string{"sink": "http://sink", "formats": "cdevents, tektonv1"},
			want:     "http://sink",
			problems: []string{`formats: "cdevents" is not a format that exists here`},
		},
		"NoFormat": {
			reason:   "an empty list of formats is a mistake, as in Tekton",
			data:     map[string]string{"sink": "http://sink", "formats": ""},
			problems: []string{`formats: "" is not a list with "tektonv1"`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := Default()
			var problems, more []SettingError
			c.Events, problems = ParseEvents(tc.data)
			c.Defaults, more = ParseDefaults(tc.defaults)
			if diff := cmp.Diff(tc.want, c.Sink()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			problems = append(problems, more...)
			if len(problems) != len(tc.problems) {
				t.Fatalf("%s: got the problems %v, want %d", tc.reason, problems, len(tc.problems))
			}
			for i, part := range tc.problems {
				if !strings.Contains(problems[i].Error(), part) {
					t.Errorf("%s: want %q in %q", tc.reason, part, problems[i].Error())
				}
			}
		})
	}
}

// TestSinkIsReadLive: the watcher applies config-events, reports its mistakes, and calls the functions that wait for a sink.
func TestSinkIsReadLive(t *testing.T) {
	w := newWatched(settingsIn("ns", EventsName, map[string]string{"sink": "http://sink/secret-path", "typo": "x"}))
	var sinks []string
	w.store.Notify(func(Config) {}) // another one is called, too
	w.store.Notify(func(c Config) { sinks = append(sinks, c.Sink()) })
	if diff := cmp.Diff([]string{"SettingUnknown"}, w.pass(t, "ns", EventsName)); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"", "http://sink/secret-path"}, sinks); diff != "" {
		t.Errorf("sinks: -want +got:\n%s", diff)
	}
	c := w.store.Load()
	if got := c.sinkHost(); got != "http://sink" {
		t.Errorf("the log must not have the path of the sink, got %q", got)
	}
}

// TestSinkBesideTekton: beside Tekton, the events about the runs of Sluice go where Tekton's go.
func TestSinkBesideTekton(t *testing.T) {
	w := newWatched(
		settingsIn("tekton", EventsName, map[string]string{"sink": "http://sink"}),
		settingsIn("ns", EventsName, map[string]string{"sink": "http://ignored"}),
	)
	w.Beside("tekton")
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if c := w.store.Load(); c.Sink() != "http://sink" {
		t.Errorf("the sink is %q, want that of Tekton's namespace", c.Sink())
	}
}
