package usage

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/load/bench/metrics"
)

func TestProcessor(t *testing.T) {
	cases := map[string]struct {
		reason string
		stat   string
		want   float64
		fails  bool
	}{
		"plain": {
			reason: "user and system time are added, in hundredths of a second",
			stat:   "7 (controller) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 9 9 20 0",
			want:   3,
		},
		"brackets": {
			reason: "a name may contain spaces and parentheses",
			stat:   "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 9 9 20 0",
			want:   0.03,
		},
		"short": {
			reason: "an incomplete line is an error",
			stat:   "7 (a) S 1",
			fails:  true,
		},
		"words": {
			reason: "times are numbers",
			stat:   "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 x 2 9 9 20 0",
			fails:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := processor(tc.stat)
			if (err != nil) != tc.fails || got != tc.want {
				t.Errorf("processor: %s: want %v, got %v, %v", tc.reason, tc.want, got, err)
			}
		})
	}
}

func TestMachine(t *testing.T) {
	cases := map[string]struct {
		reason string
		stat   string
		want   float64
		fails  bool
	}{
		"all": {
			reason: "idle time, waiting for disks and guests' time (already in user mode) do not count",
			stat:   "cpu  100 10 50 9999 888 5 5 30 77 66\ncpu0 1 1 1 1",
			want:   2,
		},
		"other": {
			reason: "the first line must be that of all processors",
			stat:   "cpu0 1 1 1 1",
			fails:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := machine(tc.stat)
			if (err != nil) != tc.fails || got != tc.want {
				t.Errorf("machine: %s: want %v, got %v, %v", tc.reason, tc.want, got, err)
			}
		})
	}
}

func TestMemory(t *testing.T) {
	got, err := memory("Name:\tcontroller\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Memory{Resident: 1 << 20, Peak: 2 << 20}, got); diff != "" {
		t.Errorf("memory is in KiB (-want +got):\n%s", diff)
	}
	if _, err := memory("VmHWM: 1 kB\n"); err == nil {
		t.Error("no error for a kernel thread, which has no memory")
	}
}

func TestRequests(t *testing.T) {
	sample := func(value float64, labels ...string) metrics.Sample {
		s := metrics.Sample{Name: answered, Labels: map[string]string{}, Value: value}
		for i := 0; i < len(labels); i += 2 {
			s.Labels[labels[i]] = labels[i+1]
		}
		return s
	}
	flow := func(name string, value float64) metrics.Sample {
		return metrics.Sample{Name: dispatched, Labels: map[string]string{"flow_schema": name}, Value: value}
	}
	got := requests([]metrics.Sample{
		sample(2, "verb", "PATCH", "resource", "taskruns", "subresource", "status", "code", "200"),
		sample(1, "verb", "PATCH", "resource", "taskruns", "subresource", "status", "code", "409"),
		sample(4, "verb", "POST", "resource", "pods"),
		sample(50, "verb", "PUT", "resource", "leases"),
		sample(60, "verb", "WATCH", "resource", "pods"),
		sample(70, "verb", "GET"),
		flow("service-accounts", 8), flow("exempt", 900),
	})
	want := Requests{Answered: map[string]int{"PATCH taskruns/status": 3, "POST pods": 4}, Dispatched: 8}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all responses count, by verb and resource, without leases, watches and requests without a resource (-want +got):\n%s", diff)
	}
}

// TestWaited: the time of the controller's own webhooks is added, and that of no other webhook.
func TestWaited(t *testing.T) {
	sample := func(name string, value float64) metrics.Sample {
		return metrics.Sample{Name: webhooks, Labels: map[string]string{"name": name}, Value: value}
	}
	if got := waited([]metrics.Sample{
		sample("default.sluice.dev", 1),
		sample("validate.sluice.dev", 2),
		sample("mesh.example.com", 4),
	}); got != 3 {
		t.Errorf("want 3 seconds, got %v", got)
	}
}
