package load

import (
	"fmt"
	"slices"
	"strings"
)

// Row is one measurement, in each of its modes.
type Row struct {
	// Name by which it is selected.
	Name string `json:"name"`
	// What is the description for people.
	What string `json:"what"`
	Shape
	// Count is the number of runs that start at once; 0 if they run one after another.
	Count int `json:"count,omitempty"`
	// Held rows keep their runs, and measure what the controller needs while they exist in the cluster.
	Held bool `json:"held,omitempty"`
	// Hostile rows send Count objects of package hostile at once. Their Shape is that of the run that another tenant sends at
	// the same time.
	Hostile bool `json:"hostile,omitempty"`
	// Followed rows exist for the picture of the hops. The benchmark follows the sidecar's log as the controller does.
	Followed bool `json:"followed,omitempty"`
	// Modes in which it is measured.
	Modes []string `json:"modes"`
}

// Rows returns all measurements, in order.
func Rows() []Row {
	bare, both, sidecar := []string{BarePods}, []string{SidecarLogs, TerminationMessage}, []string{SidecarLogs}
	const kb = 1024
	task := Shape{Steps: 2, Size: kb}
	plain := Shape{Steps: 2}
	three := Shape{Tasks: 3, Steps: 2, Size: kb}
	pod := Shape{Containers: 3}
	return []Row{
		{Name: "pod", What: "one bare pod of 3 containers", Shape: pod, Modes: bare},
		{Name: "seq", What: "one TaskRun of 2 steps, result of 1 kB", Shape: task, Modes: both},
		{Name: "plain", What: "one TaskRun of 2 steps, no results", Shape: plain, Modes: both},
		{
			Name:  "resolved",
			What:  "the same, its Task from a bundle in the cache of the resolvers",
			Shape: Shape{Steps: 2, Resolved: true},
			Modes: sidecar,
		},
		{
			Name:  "chain",
			What:  "PipelineRun of 3 tasks in a row, 1 kB passed on",
			Shape: Shape{Tasks: 3, Chained: true, Steps: 2, Size: kb},
			Modes: both,
		},
		{Name: "size100k", What: "one TaskRun, result of 100 kB", Shape: Shape{Steps: 2, Size: 100 * kb}, Modes: sidecar},
		{Name: "size1400k", What: "one TaskRun, result of 1.4 MB", Shape: Shape{Steps: 2, Size: 1_400_000}, Modes: sidecar},
		{
			Name:  "random1400k",
			What:  "one TaskRun, result of 1.4 MB that does not compress",
			Shape: Shape{Steps: 2, Size: 1_400_000, Random: true},
			Modes: sidecar,
		},
		{
			Name:  "write1400k",
			What:  "1.4 MB written into a status, without a pod",
			Shape: Shape{Steps: 2, Size: 1_400_000, Written: true},
			Modes: []string{BareWrites},
		},
		{Name: "steps20", What: "one TaskRun of 20 steps, result of 1 kB", Shape: Shape{Steps: 20, Size: kb}, Modes: both},
		{Name: "timeline", What: "one TaskRun of 2 steps, with a second reader", Shape: task, Followed: true, Modes: sidecar},
		{Name: "pods60", What: "60 bare pods of 3 containers at once", Shape: pod, Count: 60, Modes: bare},
		copiesRow(task),
		{Name: "burst20", What: "20 PipelineRuns × 3 TaskRuns × 2 steps at once", Shape: three, Count: 20, Modes: both},
		{Name: "plain60", What: "60 TaskRuns of 2 steps at once, no results", Shape: plain, Count: 60, Modes: both},
		{Name: "pods90", What: "90 bare pods of 3 containers at once", Shape: pod, Count: 90, Modes: bare},
		{Name: "burst30", What: "30 PipelineRuns × 3 TaskRuns × 2 steps at once", Shape: three, Count: 30, Modes: both},
		hostileRow(),
		heldRow(),
	}
}

// copiesRow is the row of pods that are the same as those of TaskRuns. What burst20 costs more is the work of the controller.
func copiesRow(task Shape) Row {
	task.Copied = true
	return Row{
		Name:  "copies60",
		What:  "60 pods of such TaskRuns at once, without a controller",
		Shape: task,
		Count: 60,
		Modes: []string{SidecarLogs},
	}
}

// hostileRow is the row of objects that an attacker would send.
func hostileRow() Row {
	return Row{
		Name:    "hostile",
		What:    "the twelve most expensive objects at once, of 1.5 MB each",
		Shape:   Shape{Steps: 1, Size: 1024},
		Count:   12,
		Hostile: true,
		Modes:   []string{SidecarLogs},
	}
}

// heldRow is the row of runs that are kept after their end.
func heldRow() Row {
	return Row{
		Name:  "held",
		What:  "finished TaskRuns of 1 MB stay in the cluster",
		Shape: Shape{Steps: 1, Size: 1_000_000, Random: true},
		Held:  true,
		Modes: []string{SidecarLogs},
	}
}

// Select returns the rows with these names, separated by commas, in the order of Rows. It returns all rows for "".
func Select(only string) ([]Row, error) {
	rows := Rows()
	if only == "" {
		return rows, nil
	}
	var known, chosen []string
	for _, r := range rows {
		known = append(known, r.Name)
	}
	for name := range strings.SplitSeq(only, ",") {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("cannot measure %q: the rows are %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, name)
	}
	return slices.DeleteFunc(rows, func(r Row) bool { return !slices.Contains(chosen, r.Name) }), nil
}

// Batch is a part of a row's measurements that runs without interruption.
type Batch struct {
	Row
	Mode string
	// N is the number of its runs, one after another or at once.
	N int
}

// Plan orders the measurements. Rows that run one after another are measured in rounds. Each round has the opposite order of
// the previous one, so that a machine that becomes slower or faster affects all modes and rows equally. Rows that run at once
// follow. Held rows come last, because they alone leave objects in the cluster.
func Plan(rows []Row, modes []string, n, rounds, held int) []Batch {
	rounds = max(1, min(rounds, n))
	var plan []Batch
	add := func(r Row, n int) []Batch {
		var some []Batch
		for _, mode := range r.Modes {
			if Limit(mode) || len(modes) == 0 || slices.Contains(modes, mode) {
				some = append(some, Batch{Row: r, Mode: mode, N: n})
			}
		}
		return some
	}
	for i := range rounds {
		var round []Batch
		for _, r := range rows {
			if r.Count == 0 && !r.Held {
				round = append(round, add(r, share(n, rounds, i))...)
			}
		}
		if i%2 == 1 {
			slices.Reverse(round)
		}
		plan = append(plan, round...)
	}
	for _, r := range rows {
		if r.Count > 0 {
			plan = append(plan, add(r, r.Count)...)
		}
	}
	for _, r := range rows {
		if r.Held {
			plan = append(plan, add(r, held)...)
		}
	}
	return plan
}

// share returns the part of n for one round.
func share(n, rounds, round int) int {
	part := n / rounds
	if round < n%rounds {
		part++
	}
	return part
}
