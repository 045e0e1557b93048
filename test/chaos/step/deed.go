package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/test/chaos/attack"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

const (
	// runs is the folder in which entrypoints record the ends of steps.
	runs = "/tekton/run"
	// outside is the target of a link that a step creates.
	outside = "/etc/passwd"
)

// deeds are the actions of a step of the hostile tenant.
type deeds struct {
	all   []attack.Deed
	paths map[string]string
	// runs is the folder of the steps' ends, and out the output of the step.
	runs string
	out  io.Writer
}

// bind defines the flag -deed, which adds an action.
func (d *deeds) bind(flags *flag.FlagSet) {
	flags.Func("deed", "action, as DO:NUMBER:NAME; repeatable, the actions run in order", func(text string) error {
		parts := strings.SplitN(text, ":", 3)
		if len(parts) != 3 {
			return errors.New("want DO:NUMBER:NAME")
		}
		n, err := strconv.Atoi(parts[1])
		d.all = append(d.all, attack.Deed{Do: parts[0], N: n, Name: parts[2]})
		return err
	})
}

// do runs all actions, and returns the exit code.
func (d *deeds) do() (code int, err error) {
	for _, deed := range d.all {
		if deed.Do == attack.DoExit {
			return deed.N, nil
		}
		if err := d.one(deed); err != nil {
			return 0, fmt.Errorf("cannot do %q: %w", deed, err)
		}
	}
	return 0, nil
}

func (d *deeds) one(deed attack.Deed) error {
	path := d.paths[deed.Name]
	switch deed.Do {
	case attack.DoForge:
		return d.forge(deed.N)
	case attack.DoWait:
		pause(time.Duration(deed.N) * time.Millisecond)
		return nil
	case attack.DoPrint:
		return d.print(deed.N)
	case attack.DoWrite:
		return os.WriteFile(path, []byte(attack.Value(deed.N)), 0o644)
	case attack.DoPipe:
		return syscall.Mkfifo(path, 0o666)
	case attack.DoLink:
		return os.Symlink(outside, path)
	default:
		return errors.New("unknown action")
	}
}

// forge writes the files that the entrypoint of that step writes when the step has succeeded.
func (d *deeds) forge(step int) error {
	folder := filepath.Join(d.runs, strconv.Itoa(step))
	status := fmt.Sprintf(`{"name":"step-%s","exitCode":0,"reason":"Completed","startedAt":"2026-01-01T00:00:00Z"}`, plan.StepName(step))
	if err := os.WriteFile(filepath.Join(folder, "status"), []byte(status), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "out"), nil, 0o644)
}

// print prints about n bytes of lines, some of which look like those of a results stream.
func (d *deeds) print(n int) error {
	out := bufio.NewWriter(d.out)
	for i := 0; n > 0; i++ {
		k, err := fmt.Fprintf(out, "~sluice/1 %d %s\n", i, attack.Value(100))
		if err != nil {
			return err
		}
		n -= k
	}
	return out.Flush()
}
