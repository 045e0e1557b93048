package main

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/ownership"
)

func TestCoexistOptions(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   string // part of the error; empty: none
		runs   ownership.Rule
	}{
		"Alone": {
			reason: "Without the flag, the controller manages everything, as before.",
		},
		"Beside": {
			reason: "Beside Tekton it manages what names it.",
			args:   []string{"--coexist", "--namespace=sluice-system"},
			runs:   ownership.Only("sluice.dev/controller"),
		},
		"Named": {
			reason: "The name can be chosen.",
			args:   []string{"--coexist", "--namespace=sluice-system", "--managed-by=ci.example.com/sluice"},
			runs:   ownership.Only("ci.example.com/sluice"),
		},
		"NameAlone": {
			reason: "A name without --coexist would be without effect.",
			args:   []string{"--managed-by=ci.example.com/sluice"},
			want:   `cannot use --managed-by "ci.example.com/sluice" without --coexist`,
		},
		"TektonsName": {
			reason: "Both controllers would run the same runs.",
			args:   []string{"--coexist", "--namespace=sluice-system", "--managed-by=tekton.dev/pipeline"},
			want:   "Tekton's controller manages these runs",
		},
		"NotAName": {
			reason: "The API refuses such a name.",
			args:   []string{"--coexist", "--namespace=sluice-system", "--managed-by=sluice"},
			want:   `cannot use --managed-by "sluice"`,
		},
		"EmptyName": {
			reason: "An empty name is Tekton's.",
			args:   []string{"--coexist", "--namespace=sluice-system", "--managed-by="},
			want:   `cannot use --managed-by ""`,
		},
		"TektonsNamespace": {
			reason: "Leases and settings would collide.",
			args:   []string{"--coexist"},
			want:   `cannot run beside Tekton in its namespace "tekton-pipelines"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			flags := flag.NewFlagSet("controller", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			o := bind(flags)
			if err := flags.Parse(append(tc.args, "--inpod-image=i")); err != nil {
				t.Fatal(err)
			}
			err := o.validate()
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%s: %v", tc.reason, err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			case tc.want == "" && o.runs() != tc.runs:
				t.Errorf("%s: want the runs of %q, got %q", tc.reason, tc.runs.Name(), o.runs().Name())
			}
		})
	}
}
