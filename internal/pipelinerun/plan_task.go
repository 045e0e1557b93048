package pipelinerun

import (
	"cmp"
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/matrix"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// decide starts a task or skips it, unless it needs results that are not known yet.
func (p *planner) decide(i int, vars substitute.Variables) {
	s := &p.plan.Tasks[i]
	before := *s
	wanted, problem := p.prepare(s, withRetries(vars, s.Task))
	if wanted != nil {
		wanted.bytes, problem = childrenSize(s.Task, wanted.Runs)
	}
	if p.plan.Need == nil && p.Orphans == nil && (problem != nil || s.Skipped != nil && p.plan.anyLost()) {
		// An earlier reconcile may have started the task, before a change of something on which its start depends.
		*s, p.plan.Need = before, &Need{Orphans: true}
		return
	}
	if (problem != nil || s.Skipped != nil) && p.adopt(&before) {
		*s = before
		return
	}
	if problem != nil {
		p.fail(s, problem)
		return
	}
	if wanted == nil { // it is skipped, or needs results
		return
	}
	if count, bytes := p.plan.started(); count > 0 && (count+len(wanted.Runs) > maxStarted || bytes+wanted.bytes > maxBytes) {
		p.plan.More = true
		return
	}
	wanted.Task = i
	p.wanted[i] = true
	p.plan.Wanted = append(p.plan.Wanted, *wanted)
}

// fail skips a task that cannot start. The first one that should have started is the cause of the run's failure.
func (p *planner) fail(s *TaskState, problem *Problem) {
	s.skip(problem.SkipReason, nil)
	if p.plan.Problem == nil && s.couldNotStart(p.tasks) {
		p.plan.Problem = problem
	}
}

// prepare evaluates the when expressions of a task and builds its children. It returns nothing for a task that it skips, or
// that needs results.
func (p *planner) prepare(s *TaskState, vars substitute.Variables) (*Wanted, *Problem) {
	guard, problem := p.guard(s, vars)
	if problem != nil || s.Skipped != nil || p.plan.Need != nil {
		return nil, problem
	}
	if known, problem := p.known(s, p.needed(s.Task), neededByGuard(s.Task)); !known {
		return nil, problem
	}
	start, err := p.startOf(s, vars)
	if err != nil {
		return nil, substitutionProblem(s.Task.Name, err)
	}
	task := start.task
	combinations, err := combinationsOf(task, p.Obs.Config.Defaults.MaxMatrixCombinations)
	if err != nil {
		return nil, matrixProblem(s.Task.Name, err)
	}
	if len(combinations) == 0 {
		s.skip(v1.SkipReasonEmptyMatrix, nil)
		return nil, nil
	}
	names, wanted := substitute.NamesOf(vars, start.results), &Wanted{Shorter: p.Loaded.shorter(p.needed(s.Task))}
	if wanted.growth, problem = p.growth(task, combinations); problem != nil {
		return nil, problem
	}
	for i, combination := range combinations {
		at := place{index: -1}
		if task.Matrix != nil {
			at = place{i, len(combinations)}
		}
		child, err := p.Builder.child(s, start, combination, at, vars)
		if err != nil {
			return nil, cannotStart(s.Task.Name, err.Error(), v1.PipelineRunReasonValidationFailed, v1.SkipReasonInvalid)
		}
		reference := referenceTo(child.Kind(), child.GetName(), task)
		reference.WhenExpressions = whenStatus(guard)
		if reference.DisplayName, err = names.Of(cmp.Or(combination.Name, task.DisplayName), combination.Params); err != nil {
			return nil, substitutionProblem(s.Task.Name, err)
		}
		wanted.Runs, wanted.References = append(wanted.Runs, child), append(wanted.References, reference)
	}
	return wanted, nil
}

// taskStart is what the children of one task are created from.
type taskStart struct {
	// task has its values substituted.
	task *v1.PipelineTask
	// passed are the references in its params that the task must resolve.
	passed *substitute.Passed
	// handed are the values of the pipeline that the embedded task uses.
	handed []v1.Param
	// bindings are the workspaces of the run, by name.
	bindings map[string]*v1.WorkspaceBinding
	// results are the results of other tasks that the task needs.
	results substitute.Tasks
}

// startOf substitutes the values of a task whose needs are known.
func (p *planner) startOf(s *TaskState, vars substitute.Variables) (taskStart, error) {
	st := taskStart{results: trimmed{resultsOf(p.tasks, p.Loaded), p.needed(s.Task)}}
	var err error
	if st.task, st.passed, err = substitute.PassedOn(s.Task, vars, st.results); err != nil {
		return st, err
	}
	if st.handed, err = substitute.Handed(s.Task, vars, st.results); err != nil {
		return st, err
	}
	st.bindings, err = p.Builder.boundFor(s.Task, vars, st.results)
	return st, err
}

// needed returns what a task needs to start, except for its when expressions.
func (p *planner) needed(task *v1.PipelineTask) needs {
	n := neededBy(task)
	p.Builder.neededByBindings(task, n)
	return n
}

// guard evaluates the when expressions of a task and returns them with their values. It skips the task if one of them is
// false.
func (p *planner) guard(s *TaskState, vars substitute.Variables) ([]v1.WhenExpression, *Problem) {
	if len(s.Task.When) == 0 {
		return nil, nil
	}
	if known, problem := p.known(s, neededByGuard(s.Task), nil); !known {
		return nil, problem
	}
	expressions, err := substitute.When(s.Task.When, vars, resultsOf(p.tasks, p.Loaded))
	if err != nil {
		return nil, substitutionProblem(s.Task.Name, err)
	}
	holds, err := p.Evaluator.Holds(expressions)
	if err != nil {
		return nil, cannotStart(s.Task.Name, err.Error(), v1.PipelineRunReasonCELEvaluationFailed, v1.SkipReasonInvalid)
	}
	if !holds {
		s.skip(v1.SkipReasonWhen, whenStatus(expressions))
	}
	return expressions, nil
}

// known reports whether the results that a task needs are known. If they are not, the plan needs them, or they are too many,
// which is a problem of the task.
func (p *planner) known(s *TaskState, wanted, keep needs) (bool, *Problem) {
	known, err := p.Loaded.known(s.Task.Name, wanted, p.tasks)
	if err != nil {
		return false, substitutionProblem(s.Task.Name, err)
	}
	if !known {
		p.plan.Need = &Need{Task: s.Task.Name, Results: wanted, Keep: keep}
	}
	return known, nil
}

// growth returns how many bytes the PipelineRun grows by references to the children of a matrix, or a problem if it has no
// room for them. A task without a matrix was counted when the run started.
func (p *planner) growth(task *v1.PipelineTask, combinations []matrix.Combination) (int, *Problem) {
	if task.Matrix == nil {
		return 0, nil
	}
	room := p.Builder.room()
	for i := range p.plan.Wanted {
		room -= p.plan.Wanted[i].growth
	}
	needed := len(combinations) * referenceSize(p.Run, task)
	for i := range combinations {
		needed += len(combinations[i].Name) // one name of an entry of include can be in all of them
	}
	if needed > room {
		return 0, cannotStart(task.Name, tooManyReferences(len(combinations), needed, room),
			v1.PipelineRunReasonValidationFailed, v1.SkipReasonInvalid)
	}
	return needed, nil
}

// combinationsOf returns the combinations of a task's matrix. A task without a matrix has one combination, which adds nothing.
func combinationsOf(task *v1.PipelineTask, limit int64) ([]matrix.Combination, error) {
	if task.Matrix == nil {
		return []matrix.Combination{{}}, nil
	}
	return matrix.Combinations(task.Matrix, int(limit))
}

// withRetries adds the variables to which only the task itself can refer.
func withRetries(vars substitute.Variables, task *v1.PipelineTask) substitute.Variables {
	return vars.Add("context.pipelineTask.retries", strconv.Itoa(task.Retries))
}
