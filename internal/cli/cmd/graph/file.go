package graph

import (
	"fmt"
	"io"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/dag"
)

// fromFile draws an object of a file: the one with this KIND/NAME, or the only one of the most specific kind.
func fromFile(file, of string, in io.Reader) (model.Graph, error) {
	set, err := validate.Read([]string{file}, in)
	if err != nil {
		return model.Graph{}, clierror.Hint(err, "FILE is a YAML file; the name of a run does not end with .yaml")
	}
	found := candidates(set, of)
	switch len(found) {
	case 1:
		return drawable(set, found[0])
	case 0:
		what := "nothing to draw"
		if of != "" {
			what = "no " + of
		}
		return model.Graph{}, clierror.New(fmt.Sprintf("there is %s in %q", what, file),
			"it needs a Pipeline, a PipelineRun, a Task or a TaskRun; check the file: sluice validate "+file)
	default:
		names := make([]string, len(found))
		for i, o := range found {
			names[i] = o.Name()
		}
		return model.Graph{}, clierror.New(fmt.Sprintf("%d objects in %q can be drawn", len(found), file), "choose one: --of "+
			strings.Join(names, ", or --of "))
	}
}

// candidates returns the objects that can be drawn.
func candidates(set *check.Set, of string) []*check.Object {
	for _, kind := range []string{v1.KindPipeline, v1.KindPipelineRun, v1.KindTask, v1.KindTaskRun} {
		var found []*check.Object
		for _, o := range set.Objects {
			if o.Sound && (of == "" && o.Kind == kind || of != "" && o.Kind == kind && strings.EqualFold(o.Name(), of)) {
				found = append(found, o)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// drawable returns the graph of an object, or of the object that it refers to in the same file.
func drawable(set *check.Set, o *check.Object) (model.Graph, error) {
	var pipeline *v1.PipelineSpec
	var task *v1.TaskSpec
	switch value := o.Value.(type) {
	case *v1.Pipeline:
		pipeline = &value.Spec
	case *v1.PipelineRun:
		pipeline = value.Spec.PipelineSpec
		if ref := value.Spec.PipelineRef; pipeline == nil && ref != nil {
			if p := set.Pipeline(o, ref.Name); p != nil {
				pipeline = &p.Spec
			}
		}
	case *v1.Task:
		task = &value.Spec
	case *v1.TaskRun:
		task = value.Spec.TaskSpec
		if ref := value.Spec.TaskRef; task == nil && ref != nil {
			if t := set.Task(o, ref.Name); t != nil {
				task = &t.Spec
			}
		}
	}
	switch {
	case pipeline != nil:
		if _, err := dag.Build(pipeline.Tasks); err != nil {
			return model.Graph{}, clierror.Hint(err, "find the place: sluice validate "+o.Document.File)
		}
		return model.OfPipeline(o.Name(), pipeline), nil
	case task != nil:
		return model.OfTask(o.Name(), task), nil
	default:
		return model.Graph{}, clierror.New(o.Name()+" refers to an object that is not in the file",
			"draw the file with that object, or a run of it: sluice graph RUN")
	}
}
