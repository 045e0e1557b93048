package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// Counts are the numbers of runs that have not ended.
type Counts struct {
	Waiting int `json:"waiting"`
	Running int `json:"running"`
}

// String returns the counts for a table; empty for none.
func (n Counts) String() string {
	var parts []string
	if n.Running > 0 {
		parts = append(parts, fmt.Sprintf("%d running", n.Running))
	}
	if n.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", n.Waiting))
	}
	return strings.Join(parts, ", ")
}

// Unfinished are the runs of one namespace that have not ended.
type Unfinished struct {
	// Counts by engine.
	Counts map[installation.Engine]Counts
	// Names by engine, sorted.
	Names map[installation.Engine][]string
}

// managedBy returns spec.managedBy of a run.
func managedBy(r runs.Run) *string {
	if r.TaskRun != nil {
		return r.TaskRun.Spec.ManagedBy
	}
	return r.PipelineRun.Spec.ManagedBy
}

// add counts a run, unless it has ended or belongs to a PipelineRun.
func (u *Unfinished) add(r runs.Run, sluice installation.Installation) {
	owner := metav1.GetControllerOf(r.Object())
	if r.Done() || owner != nil && owner.Kind == v1.KindPipelineRun {
		return
	}
	engine := sluice.EngineOf(managedBy(r))
	n := u.Counts[engine]
	if r.State() == runs.Waiting {
		n.Waiting++
	} else {
		n.Running++
	}
	u.Counts[engine] = n
	u.Names[engine] = append(u.Names[engine], r.FullName().String())
}

// unfinished reads the runs in a namespace, or in all for "", and returns those that have not ended by namespace.
func unfinished(ctx context.Context, c *cluster.Cluster, sluice installation.Installation, namespace string) (
	map[string]*Unfinished, error) {
	scope := *c
	scope.Namespace, scope.AllNamespaces = namespace, namespace == ""
	all := map[string]*Unfinished{}
	for _, kind := range []string{v1.KindPipelineRun, v1.KindTaskRun} {
		err := runs.Each(ctx, &scope, kind, nil, func(r runs.Run) error {
			u, ok := all[r.Namespace()]
			if !ok {
				u = &Unfinished{Counts: map[installation.Engine]Counts{}, Names: map[installation.Engine][]string{}}
				all[r.Namespace()] = u
			}
			u.add(r, sluice)
			return nil
		})
		if err != nil && !runs.Absent(err) { // without the kinds there are no runs
			return nil, err
		}
	}
	for _, u := range all {
		for _, names := range u.Names {
			slices.Sort(names)
		}
	}
	return all, nil
}

// namespaces reads all namespaces, sorted by name.
func namespaces(ctx context.Context, c *cluster.Cluster) ([]corev1.Namespace, error) {
	var list corev1.NamespaceList
	if err := c.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("cannot list namespaces: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Namespace) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, nil
}

// namesOf reads the names of all namespaces.
func namesOf(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	list, err := namespaces(ctx, c)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(list))
	for i := range list {
		names = append(names, list[i].Name)
	}
	return names, nil
}

func beginning(names []string, text string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, text) })
}

// read reads a namespace by its name.
func read(ctx context.Context, c *cluster.Cluster, name string) (*corev1.Namespace, error) {
	var namespace corev1.Namespace
	err := c.Client.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("cannot read namespace %q: %w", name, err)
	}
	if err != nil {
		return nil, notFound(ctx, c, name)
	}
	return &namespace, nil
}
