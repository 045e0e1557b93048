package sidecar_test

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/sidecar"
	"github.com/sluice-ci/sluice/internal/results"
)

func TestParseOptions(t *testing.T) {
	file := func(name, typ string) results.File {
		return results.File{Declared: results.Declared{Name: name, Type: typ}, Path: "/tekton/results/" + name}
	}
	cases := map[string]struct {
		reason string
		args   string
		want   sidecar.Options
	}{
		"Least": {
			reason: "Everything but the nonce has a default.",
			args:   "-nonce n",
			want: sidecar.Options{
				Nonce:       "n",
				RunDir:      "/tekton/run",
				ResultsDirs: []string{"/tekton/results"},
				MaxSize:     4096,
				MaxTotal:    1572864,
				Grace:       sidecar.DefaultGrace,
			},
		},
		"Most": {
			reason: "Steps and results keep their order.",
			args: "-nonce n -run-dir /run -results-dir /tekton/results -results-dir /run/0/results -step step-b " +
				"-step step-a -result b:array=/tekton/results/b " +
				"-result a:string=/tekton/results/a -result step-b.c:string=/run/0/results/c -max-result-size 10 -max-total 20",
			want: sidecar.Options{
				Nonce:       "n",
				RunDir:      "/run",
				ResultsDirs: []string{"/tekton/results", "/run/0/results"},
				Steps:       []string{"step-b", "step-a"},
				Results: []results.File{file("b", "array"), file("a", "string"),
					{Declared: results.Declared{Name: "step-b.c", Type: "string"}, Path: "/run/0/results/c"}},
				MaxSize:  10,
				MaxTotal: 20,
				Grace:    sidecar.DefaultGrace,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := sidecar.ParseOptions(strings.Fields(tc.args), io.Discard)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%s\nerror %v, -want +got:\n%s", tc.reason, err, diff)
			}
		})
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for name, args := range map[string]string{
		"NoNonce": "", "BadNonce": "-nonce a/b", "Size": "-nonce n -max-result-size 0", "Total": "-nonce n -max-total -1",
		"SizeWord": "-nonce n -max-result-size ten", "UnknownFlag": "-nonce n -what", "Argument": "-nonce n more",
		"Result":        "-nonce n -result a=/tekton/results/a",
		"OtherDir":      "-nonce n -results-dir /tekton/results -result a:string=/run/0/results/a",
		"OutsideResult": "-nonce n -result a:string=/etc/passwd", "DirResult": "-nonce n -result a:string=/tekton/results",
		"TwiceResult": "-nonce n -result a:string=/tekton/results/a -result a:array=/tekton/results/b",
	} {
		t.Run(name, func(t *testing.T) {
			if o, err := sidecar.ParseOptions(strings.Fields(args), io.Discard); err == nil {
				t.Errorf("%q is taken for %+v", args, o)
			}
		})
	}
	if _, err := sidecar.ParseOptions([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("asked for help: got error %v, want %v", err, flag.ErrHelp)
	}
}
