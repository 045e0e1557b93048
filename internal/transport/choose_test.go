package transport_test

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/sidecarlogs"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
)

func transports() transport.Transports {
	return transport.Transports{
		config.TerminationMessage: terminationmessage.Transport{},
		config.SidecarLogs:        sidecarlogs.New(nil, nil),
	}
}

// TestChoose: peers' sidecar was everywhere, for every task (#8448); here a run, its task or the installation chooses.
func TestChoose(t *testing.T) {
	says := func(value string) map[string]string { return map[string]string{v1.AnnotationResultsFrom: value} }
	sidecar, message := config.Flags{
		ResultsFrom:       config.SidecarLogs,
		ResultsFromPerRun: true,
	}, config.Flags{ResultsFrom: config.TerminationMessage, ResultsFromPerRun: true}
	fixed := config.Flags{ResultsFrom: config.TerminationMessage}
	cases := map[string]struct {
		reason    string
		run, task map[string]string
		flags     config.Flags
		want      config.ResultsFrom
		fails     string
	}{
		"Flag": {
			reason: "without annotations the flag decides",
			flags:  sidecar,
			want:   config.SidecarLogs,
		},
		"Run": {
			reason: "a run may ask for the sidecar",
			run:    says("sidecar-logs"),
			flags:  message,
			want:   config.SidecarLogs,
		},
		"RunBack": {
			reason: "and may do without",
			run:    says("termination-message"),
			flags:  sidecar,
			want:   config.TerminationMessage,
		},
		"Task": {
			reason: "a task knows what it needs",
			task:   says("sidecar-logs"),
			flags:  message,
			want:   config.SidecarLogs,
		},
		"RunOverTask": {
			reason: "the run's word is the last",
			run:    says("termination-message"),
			task:   says("sidecar-logs"),
			flags:  message,
			want:   config.TerminationMessage,
		},
		"Unknown": {
			reason: "a typo is no choice",
			run:    says("sidecar-log"),
			flags:  message,
			fails:  `"sidecar-log" is not one of "sidecar-logs", "termination-message"`,
		},
		"UnknownOfTask": {
			reason: "the message says whose it is",
			task:   says("x"),
			flags:  message,
			fails:  "metadata.annotations[sluice.dev/results-from] of the Task",
		},
		"SwitchedOff": {
			reason: "the administrator's word is above the run's",
			run:    says("sidecar-logs"),
			flags:  fixed,
			fails:  "enable-results-from-annotation",
		},
		"SwitchedSame": {
			reason: "who asks for what is the case anyway is not in the way",
			run:    says("termination-message"),
			flags:  fixed,
			want:   config.TerminationMessage,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := transports().Choose(tc.run, tc.task, tc.flags)
			if got != tc.want || (err != nil) != (tc.fails != "") {
				t.Fatalf("%s: want %q, got %q, %v", tc.reason, tc.want, got, err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%s: want %q in the message, got %q", tc.reason, tc.fails, err)
			}
		})
	}
}

// TestNoResultsNoSidecar: peers put the sidecar into every pod (#8448).
func TestNoResultsNoSidecar(t *testing.T) {
	with := &v1.TaskSpec{Results: []v1.TaskResult{{Name: "r"}}}
	cases := map[string]struct {
		reason string
		spec   *v1.TaskSpec
		flags  config.Flags
		want   config.ResultsFrom
	}{
		"Results": {
			reason: "results are carried as was chosen",
			spec:   with,
			want:   config.SidecarLogs,
		},
		"NoResults": {
			reason: "a task without results carries nothing",
			spec:   &v1.TaskSpec{},
			want:   config.TerminationMessage,
		},
		"Follow": {
			reason: "its end may be followed all the same",
			spec:   &v1.TaskSpec{},
			flags:  config.Flags{FollowEveryTask: true},
			want:   config.SidecarLogs,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := transport.Needed(config.SidecarLogs, tc.spec, tc.flags); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
