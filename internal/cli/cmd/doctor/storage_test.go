package doctor

import (
	"errors"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStorage(t *testing.T) {
	size := func(bytes string) func(*hospital) {
		return func(h *hospital) {
			h.storage = "apiserver_storage_size_bytes{storage_cluster_id=\"etcd-0\"} 1\n" +
				"apiserver_storage_size_bytes{storage_cluster_id=\"etcd-1\"} " + bytes + "\n"
		}
	}
	quota := func(value string) func(*hospital) {
		return func(h *hospital) {
			h.objects = append(h.objects, settingsOf("tekton-pipelines", "config-defaults", map[string]string{"etcd-quota": value}))
		}
	}
	event := func(reason, controller string) func(*hospital) {
		return func(h *hospital) {
			h.objects = append(h.objects, &eventsv1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "e"}, Reason: reason, Note: "finished runs need much",
				ReportingController: controller,
			})
		}
	}
	for name, tc := range map[string]struct {
		reason string
		ill    []func(*hospital)
		level  Level
		what   string
	}{
		"Room": {
			reason: "The size and the quota are shown.",
			level:  OK,
			what:   "etcd has 100 MiB of 2048",
		},
		"NearFull": {
			reason: "The fullest server counts.",
			ill:    []func(*hospital){size("1.8e+09")},
			level:  Warning,
			what:   "etcd has 1716 MiB of 2048",
		},
		"AlmostFull": {
			reason: "A full etcd stops the whole cluster.",
			ill:    []func(*hospital){size("2.1e+09")},
			level:  Problem,
			what:   "accepts no more writes",
		},
		"OwnQuota": {
			reason: "The quota is a setting.",
			ill:    []func(*hospital){size("2.1e+09"), quota("8Gi")},
			level:  OK,
			what:   "etcd has 2002 MiB of 8192",
		},
		"NoQuota": {
			reason: "Without a quota there is no judgement.",
			ill:    []func(*hospital){size("2.1e+09"), quota("0")},
			level:  OK,
			what:   "its quota is not known",
		},
		"Forbidden": {
			reason: "Without the right there is a warning.",
			ill:    []func(*hospital){func(h *hospital) { h.noScrape = errors.New("forbidden") }},
			level:  Warning,
			what:   "cannot check how full etcd is: forbidden",
		},
		"NoMetric": {
			reason: "Another store than etcd has no such metric.",
			ill:    []func(*hospital){func(h *hospital) { h.storage = "other 1\n" }},
			level:  OK,
			what:   "does not report how full etcd is",
		},
		"Reported": {
			reason: "Warnings of the controller are shown.",
			ill:    []func(*hospital){event("StoredRunsNearLimit", "sluice-controller")},
			level:  Warning,
			what:   "team: finished runs need much",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := healthy()
			for _, change := range tc.ill {
				change(h)
			}
			findings := Examine(t.Context(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics})
			for _, f := range findings {
				if f.Check == "storage" && f.Level == tc.level && strings.Contains(f.What, tc.what) {
					return
				}
			}
			t.Errorf("%s: want %s: %q, got %+v", tc.reason, tc.level, tc.what, findings)
		})
	}
	h := healthy()
	event("StoredRunsNearLimit", "another-controller")(h)
	for _, f := range Examine(t.Context(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics}) {
		if strings.Contains(f.What, "need much") {
			t.Errorf("events of other programs do not count, got %+v", f)
		}
	}
}
