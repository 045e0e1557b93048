package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/launch"
	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// work is what to compare.
type work struct {
	// run is the run that both engines run, with its namespace.
	run *unstructured.Unstructured
	// apply has the objects that it needs.
	apply []*unstructured.Unstructured
}

// load reads the run from a file or from the cluster.
func (o *Options) load(ctx context.Context, c *cluster.Cluster) (work, error) {
	file, err := isFile(o.What)
	switch {
	case err != nil:
		return work{}, err
	case file:
		return o.loadFile(c)
	default:
		return loadRun(ctx, c, o.What)
	}
}

// isFile reports whether the argument is a file, a folder or standard input. The error says that a file does not exist.
func isFile(text string) (bool, error) {
	if text == "-" {
		return true, nil
	}
	_, err := os.Stat(text)
	if err == nil {
		return true, nil
	}
	if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(text)) || !errors.Is(err, os.ErrNotExist) {
		return false, clierror.Hint(fmt.Errorf("cannot read file %q: %w", text, err),
			"give a file or folder with one run, - for standard input, or a run of the cluster")
	}
	return false, nil
}

func (o *Options) loadFile(c *cluster.Cluster) (work, error) {
	objects, err := manifestfile.Read([]string{o.What}, o.Terminal.In)
	if err != nil {
		return work{}, err
	}
	plan, err := launch.PlanOf(objects)
	if err != nil {
		return work{}, err
	}
	if len(plan.Create) > 1 {
		var names []string
		for _, r := range plan.Create {
			names = append(names, fmt.Sprintf("%s %q", r.GetKind(), r.GetName()+r.GetGenerateName()))
		}
		return work{}, clierror.New(fmt.Sprintf("cannot compare %d runs at once: %s has %s", len(names), o.What, strings.Join(names, ", ")),
			"give a file with one run")
	}
	run := plan.Create[0]
	if err := launch.Place(c, run); err != nil {
		return work{}, err
	}
	return work{run: run, apply: plan.Apply}, nil
}

// loadRun reads a run of the cluster with all fields of its spec, also those that this version does not know.
func loadRun(ctx context.Context, c *cluster.Cluster, name string) (work, error) {
	found, err := runs.Find(ctx, c, name)
	if err != nil {
		return work{}, clierror.Hint(err, "or give a file with a run")
	}
	run := &unstructured.Unstructured{}
	run.SetGroupVersionKind(v1.GroupVersion.WithKind(found.Kind()))
	key := client.ObjectKeyFromObject(found.Object())
	if err := c.Client.Get(ctx, key, run); err != nil {
		return work{}, fmt.Errorf("cannot read %s %q in namespace %q: %w", found.Kind(), key.Name, key.Namespace, err)
	}
	run.SetLabels(ofUser(run.GetLabels()))
	run.SetAnnotations(ofUser(run.GetAnnotations()))
	return work{run: run}, nil
}

// ofUser returns the labels or annotations of a stored run without those that controllers and kubectl set. A scratch run with
// them would look as if it belonged to another run.
func ofUser(all map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range all {
		domain, _, _ := strings.Cut(key, "/")
		if strings.HasSuffix("."+domain, ".tekton.dev") || domain == "sluice.dev" || domain == "kubectl.kubernetes.io" ||
			key == v1.LabelManagedBy {
			continue
		}
		kept[key] = value
	}
	return kept
}
