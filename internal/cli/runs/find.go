package runs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

// page is how many runs one request reads: each may have 1.5 MiB.
const page = 50

// Find reads the run that the user typed. If two runs have the name, of different kinds or (with -A) in different namespaces, the
// error lists both. If no run has it, the error suggests similar names.
func Find(ctx context.Context, c *cluster.Cluster, text string) (Run, error) {
	wanted, err := Parse(text)
	if err != nil {
		return Run{}, err
	}
	var found []Run
	for _, kind := range kindsOf(wanted) {
		some, err := find(ctx, c, kind, wanted.Name)
		if err != nil {
			return Run{}, err
		}
		found = append(found, some...)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Run{}, notFound(ctx, c, wanted)
	default:
		return Run{}, ambiguous(wanted, found)
	}
}

func kindsOf(r FullName) []string {
	if r.Kind != "" {
		return []string{r.Kind}
	}
	return []string{v1.KindPipelineRun, v1.KindTaskRun}
}

// find reads the runs of one kind with this name: at most one per namespace.
func find(ctx context.Context, c *cluster.Cluster, kind, name string) ([]Run, error) {
	if !c.AllNamespaces {
		r := New(kind)
		err := c.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, r.Object())
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %s %q in namespace %q: %w", kind, name, c.Namespace, err)
		}
		return []Run{r}, nil
	}
	var found []Run
	err := Each(ctx, c, kind, []client.ListOption{client.MatchingFields{"metadata.name": name}}, func(r Run) error {
		found = append(found, r)
		return nil
	})
	return found, err
}

// New returns an empty run of a kind, to read into.
func New(kind string) Run {
	if kind == v1.KindTaskRun {
		return OfTask(&v1.TaskRun{})
	}
	return OfPipeline(&v1.PipelineRun{})
}

// Each reads the runs of a kind in the scope of c, one page at a time, so that it does not hold many large runs. If f returns an
// error, Each stops and returns it unchanged.
func Each(ctx context.Context, c *cluster.Cluster, kind string, options []client.ListOption, f func(Run) error) error {
	token := ""
	for {
		runs, next, err := pageOf(ctx, c, kind, append(slices.Clone(options),
			client.InNamespace(c.Scope()), client.Limit(page), client.Continue(token)))
		if err != nil {
			return fmt.Errorf("cannot list %ss in %s: %w", kind, ScopeText(c), err)
		}
		for _, r := range runs {
			if err := f(r); err != nil {
				return err
			}
		}
		if token = next; token == "" {
			return nil
		}
	}
}

func pageOf(ctx context.Context, c *cluster.Cluster, kind string, options []client.ListOption) ([]Run, string, error) {
	var runs []Run
	switch kind {
	case v1.KindTaskRun:
		var list v1.TaskRunList
		err := c.Client.List(ctx, &list, options...)
		for i := range list.Items {
			runs = append(runs, OfTask(&list.Items[i]))
		}
		return runs, list.Continue, err
	case v1beta1.KindCustomRun:
		var list v1beta1.CustomRunList
		err := c.Client.List(ctx, &list, options...)
		for i := range list.Items {
			runs = append(runs, OfCustom(&list.Items[i]))
		}
		return runs, list.Continue, err
	}
	var list v1.PipelineRunList
	err := c.Client.List(ctx, &list, options...)
	for i := range list.Items {
		runs = append(runs, OfPipeline(&list.Items[i]))
	}
	return runs, list.Continue, err
}

// Names returns the names of the runs of a kind in the scope of c. It is fast, because it reads only metadata.
func Names(ctx context.Context, c *cluster.Cluster, kind string) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1.GroupVersion.WithKind(kind + "List"))
	if err := c.Client.List(ctx, list, client.InNamespace(c.Scope())); err != nil {
		return nil, fmt.Errorf("cannot list %ss in %s: %w", kind, ScopeText(c), err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}

// notFound returns an error with similar names. If the names cannot be read, it suggests none.
func notFound(ctx context.Context, c *cluster.Cluster, wanted FullName) error {
	var near []string
	for _, kind := range kindsOf(wanted) {
		names, err := Names(ctx, c, kind)
		if err != nil {
			continue
		}
		for _, name := range Near(wanted.Name, names) {
			near = append(near, FullName{Kind: kind, Name: name}.String())
		}
	}
	what := "no run"
	if wanted.Kind != "" {
		what = "no " + wanted.Kind
	}
	hints := []string{"sluice list shows the runs; -n NAMESPACE and -A search other namespaces"}
	if len(near) > 0 {
		hints = append([]string{"did you mean " + strings.Join(near[:min(nearest, len(near))], ", ") + "?"}, hints...)
	}
	return clierror.New(fmt.Sprintf("there is %s %q in %s", what, wanted.Name, ScopeText(c)), hints...)
}

func ambiguous(wanted FullName, found []Run) error {
	var choices []string
	kinds := map[string]bool{}
	for _, r := range found {
		choices = append(choices, fmt.Sprintf("%s -n %s", r.FullName(), r.Namespace()))
		kinds[r.Kind()] = true
	}
	what := "namespaces"
	if len(kinds) > 1 {
		what = "kinds"
	}
	return clierror.New(fmt.Sprintf("%d runs of different %s have the name %q", len(found), what, wanted.Name),
		"choose one: "+strings.Join(choices, ", or "))
}

// ScopeText returns the searched namespaces, for messages.
func ScopeText(c *cluster.Cluster) string {
	if c.AllNamespaces {
		return "any namespace"
	}
	return fmt.Sprintf("namespace %q", c.Namespace)
}

// Absent reports whether err means that the cluster does not serve a kind.
func Absent(err error) bool { return meta.IsNoMatchError(err) }
