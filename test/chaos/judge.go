package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
)

// leakTime bounds the time in which everything that belongs to deleted runs must disappear.
const leakTime = 3 * time.Minute

// judge checks a run. A run without findings is deleted. A run with findings is dumped and becomes a suspect.
func (d *driver) judge(ctx context.Context, c *check.Case) {
	c.Events = d.disturbances()
	found := check.Run(c)
	if len(found) == 0 {
		d.tally.add(c)
		d.clear(ctx, c)
		return
	}
	fmt.Printf("%s  run %d is checked again when the cluster is repaired: %s\n", time.Now().Format("15:04:05"), c.Plan.Number, found[0])
	d.dump(ctx, c, found)
	d.mu.Lock()
	d.suspects[c.Plan.Number] = &suspect{observed: c, findings: found}
	d.mu.Unlock()
}

// recordEvent records a disturbance, and checks suspects again.
func (d *driver) recordEvent(e disturb.Event) {
	fmt.Printf("%s  %-20s %5.1f s  %s %s\n", e.Began.Format("15:04:05"), e.Kind, e.Mended.Sub(e.Began).Seconds(), e.Target, e.Note)
	d.mu.Lock()
	d.events = append(d.events, e)
	d.mu.Unlock()
	go d.review(context.Background())
}

// disturbances returns all disturbances reported so far.
func (d *driver) disturbances() []disturb.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// review checks all suspects again, and deletes those without findings.
func (d *driver) review(ctx context.Context) {
	events := d.disturbances()
	var cleared []*suspect
	d.mu.Lock()
	for number, s := range d.suspects {
		s.observed.Events = events
		if s.findings = check.Run(s.observed); len(s.findings) == 0 {
			cleared = append(cleared, s)
			delete(d.suspects, number)
		}
	}
	d.mu.Unlock()
	for _, s := range cleared {
		d.tally.add(s.observed)
		d.clear(ctx, s.observed)
		if err := os.RemoveAll(d.folder(s.observed)); err != nil {
			d.tally.trouble(s.observed.Plan.Number, err)
		}
	}
}

// clear deletes a run and everything recorded about it.
func (d *driver) clear(ctx context.Context, c *check.Case) {
	ctx, cancel := context.WithTimeout(ctx, leakTime)
	defer cancel()
	err := insist(ctx, "delete run "+c.Plan.Name(), func(ctx context.Context) error {
		return client.IgnoreNotFound(d.cluster.Client.Delete(ctx, d.object(&c.Plan)))
	})
	if err != nil {
		d.tally.trouble(c.Plan.Number, err)
	}
	d.watcher.forget(names(c))
	for _, uid := range pods(c) {
		if err := ledger.Forget(d.setting.Folder, uid); err != nil {
			d.tally.trouble(c.Plan.Number, err)
		}
	}
}

// finish checks suspects for the last time, deletes the rest, and returns what could not be deleted.
func (d *driver) finish(ctx context.Context) []string {
	d.review(ctx)
	d.mu.Lock()
	left := slices.Collect(maps.Values(d.suspects))
	d.mu.Unlock()
	for _, s := range left {
		d.clear(ctx, s.observed)
	}
	ctx, cancel := context.WithTimeout(ctx, leakTime)
	defer cancel()
	var leaks []string
	err := insist(ctx, "see the namespace empty", func(ctx context.Context) error {
		all, err := d.leaks(ctx)
		if err != nil {
			return err
		}
		if leaks = all; len(leaks) > 0 {
			return fmt.Errorf("there is %s", strings.Join(leaks, ", "))
		}
		return nil
	})
	if err != nil && len(leaks) == 0 {
		return []string{err.Error()}
	}
	return leaks
}

// leaks lists objects that belong to runs, work that the controller still does for them, and processes of steps.
func (d *driver) leaks(ctx context.Context) ([]string, error) {
	var all []string
	for _, namespace := range d.namespaces() {
		for kind, list := range map[string]client.ObjectList{
			"TaskRun":               &v1.TaskRunList{},
			"PipelineRun":           &v1.PipelineRunList{},
			"Pod":                   &corev1.PodList{},
			"PersistentVolumeClaim": &corev1.PersistentVolumeClaimList{},
		} {
			if err := d.cluster.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
				return nil, fmt.Errorf("cannot list %s: %w", kind, err)
			}
			for _, name := range namesOf(list) {
				all = append(all, kind+" "+name)
			}
		}
		all = append(all, processes("-namespace="+namespace)...)
	}
	slices.Sort(all)
	gauges, err := busy(ctx, d.cluster)
	return slices.Concat(all, gauges), err
}

// namespaces are those that must be empty at the end.
func (d *driver) namespaces() []string {
	if d.attacker == nil {
		return []string{d.setting.Namespace}
	}
	return []string{d.setting.Namespace, d.attacker.setting.Namespace}
}

func namesOf(list client.ObjectList) []string {
	var all []string
	switch list := list.(type) {
	case *v1.TaskRunList:
		for i := range list.Items {
			all = append(all, list.Items[i].Name)
		}
	case *v1.PipelineRunList:
		for i := range list.Items {
			all = append(all, list.Items[i].Name)
		}
	case *corev1.PodList:
		for i := range list.Items {
			all = append(all, list.Items[i].Name)
		}
	case *corev1.PersistentVolumeClaimList:
		for i := range list.Items {
			all = append(all, list.Items[i].Name)
		}
	}
	return all
}

// processes lists the processes of this machine that have the argument.
func processes(argument string) []string {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), argument) {
			all = append(all, "process "+strings.Split(file, "/")[2])
		}
	}
	return all
}

// verdict prints all findings, and returns their number.
func (d *driver) verdict(leaks []string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(leaks) + d.tally.troubles()
	for _, leak := range leaks {
		fmt.Println("finding: left behind:", leak)
	}
	for _, number := range slices.Sorted(maps.Keys(d.suspects)) {
		s := d.suspects[number]
		for _, f := range s.findings {
			n++
			fmt.Printf("finding: run %d: %s\n", number, f)
		}
		fmt.Printf("    see %s; to repeat this run alone: -seed %d -first %d -count 1\n", d.folder(s.observed), d.options.seed, number)
	}
	return n
}
