package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInspect(t *testing.T) {
	cases := map[string]struct {
		reason string
		status string
		want   Process
		ok     bool
	}{
		"InContainer": {
			reason: "The last number is the one in the innermost namespace.",
			status: "Name:\tsleep\nState:\tT (stopped)\nPid:\t4711\nNSpid:\t4711\t32\t1\n",
			want:   Process{PID: 4711, Inner: 1, State: "T"},
			ok:     true,
		},
		"OnMachine": {
			reason: "A process without a PID namespace has one number.",
			status: "State:\tS (sleeping)\nPid:\t12\nNSpid:\t12\n",
			want:   Process{PID: 12, Inner: 12, State: "S"},
			ok:     true,
		},
		"Nothing": {reason: "A process that ends while it is read has an empty file."},
		"NoNumber": {
			reason: "An invalid number is not a process: a signal to process 0 would reach the whole process group.",
			status: "Pid:\tx\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "status"), []byte(tc.status), 0o600); err != nil {
				t.Fatal(err)
			}
			got, ok := inspect(folder)
			if diff := cmp.Diff(tc.want, got); diff != "" || ok != tc.ok {
				t.Errorf("%s\n%t %s", tc.reason, ok, diff)
			}
		})
	}
}

func TestProcessesOfNothing(t *testing.T) {
	for _, container := range []string{"", "containerd://"} {
		if found := ProcessesOf(container); len(found) > 0 {
			t.Errorf("a container without identity, %q, has %d processes: all of this machine's", container, len(found))
		}
	}
}
