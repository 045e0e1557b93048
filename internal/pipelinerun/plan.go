package pipelinerun

import (
	"context"
	"errors"
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/matrix"
	"github.com/sluice-ci/sluice/internal/substitute"
	"github.com/sluice-ci/sluice/internal/when"
)

// What one pass starts at most, so that the status tells of it before long, and so that what it holds stays bounded. A
// task is started whole, whatever its matrix makes.
const (
	maxStarted = 128
	maxBytes   = 32 << 20
)

// Wanted are the TaskRuns of one task that can start now.
type Wanted struct {
	// Task is its position in Observation.Tasks.
	Task int
	// TaskRuns, one for each combination of its matrix, and what the status will say of each.
	TaskRuns   []*v1.TaskRun
	References []v1.ChildReference
}

// planner goes through the tasks once, each behind those that it waits for, and decides for those that have not started:
// it waits, it starts, or it is skipped. It changes obs.
type planner struct {
	pr    *v1.PipelineRun
	obs   *Observation
	judge *when.Judge
	read  reader
	// orphans looks for TaskRuns that are not recorded, of tasks that are to be given up.
	orphans func(context.Context) error

	tasks   map[string]*TaskState
	results *results
	builder *taskRunBuilder
	started int
	bytes   int
}

func newPlanner(pr *v1.PipelineRun, obs *Observation, judge *when.Judge, read reader, orphans func(context.Context) error) *planner {
	p := &planner{pr: pr, obs: obs, judge: judge, read: read, orphans: orphans, tasks: byName(obs.Tasks), builder: newTaskRunBuilder(pr, obs)}
	p.results = newResults(p.tasks, obs.memory)
	return p
}

// run decides what each task does next, and reads the results that this takes. The error is one of the API server's.
func (p *planner) run(ctx context.Context) error {
	for {
		err := p.once(ctx)
		if _, lost := errors.AsType[*lostError](err); !lost {
			p.results.shrink(p.bytes, p.obs.Results != nil)
			return err
		}
		// That task has failed now, which may change everything. At each turn there is one less that can be lost.
		p.obs.Wanted, p.obs.More, p.obs.Problem = nil, false, nil
		p.started, p.bytes, p.results = 0, 0, newResults(p.tasks, p.obs.memory)
	}
}

func (p *planner) once(ctx context.Context) error {
	if err := p.stop(ctx); err != nil {
		return err
	}
	if err := p.plan(ctx); err != nil {
		return err
	}
	if problem := p.obs.Problem; problem != nil && !p.tasks[problem.Task].Final {
		// A run that is bound to fail does not begin anything new.
		p.obs.Wanted, p.obs.More = nil, false
		if err := p.stop(ctx); err != nil {
			return err
		}
		p.obs.skipStopped()
	}
	if len(p.obs.Wanted) > 0 || !p.obs.allDone() {
		return nil
	}
	wanted := neededByResults(p.obs.Spec).of(p.tasks, Succeeded, Ignored)
	err := p.results.load(ctx, p.read, wanted)
	if _, tooMuch := errors.AsType[*tooMuchError](err); tooMuch {
		p.obs.TooMuch = err
	} else if err != nil {
		return err
	}
	p.obs.Results = p.results.only(Succeeded, Ignored)
	return nil
}

// stop decides whether parts of the pipeline stop. Before tasks that have not started are given up, TaskRuns are looked
// for that they may have all the same.
func (p *planner) stop(ctx context.Context) error {
	p.obs.Deadlines = deadlinesOf(p.pr, p.obs.Timeouts, p.obs.Tasks)
	p.obs.Stops = stopPolicyOf(p.pr, p.obs.Now, p.obs.Deadlines, p.obs.Tasks)
	if !p.obs.abandonsTasks() {
		return nil
	}
	return p.orphans(ctx)
}

// plan decides about all tasks. It stops early, and says so in obs.More, when there is enough to start. The error is a
// *lostError, or one of the API server's.
func (p *planner) plan(ctx context.Context) error {
	for _, i := range p.obs.Graph.Order() {
		s := &p.obs.Tasks[i]
		if s.Phase != Waiting || !p.mayStart(i, s) {
			continue
		}
		if err := p.decide(ctx, i, p.obs.vars); err != nil || p.obs.More || p.obs.Problem != nil {
			return err
		}
	}
	if !p.obs.tasksDone() {
		return nil
	}
	vars := p.obs.vars.With(taskStatuses(p.obs.Tasks))
	for i := range p.obs.Tasks {
		s := &p.obs.Tasks[i]
		if s.Phase != Waiting || p.stopped(s) {
			continue
		}
		// What is wrong with one task of finally keeps none of the others from running.
		if err := p.decide(ctx, i, vars); err != nil || p.obs.More {
			return err
		}
	}
	return nil
}

// mayStart reports whether all that the task waits for is there. It skips the task when that will never be.
func (p *planner) mayStart(i int, s *TaskState) bool {
	if p.stopped(s) {
		return false
	}
	for _, j := range p.obs.Graph.Before(i) {
		parent := &p.obs.Tasks[j]
		switch {
		case !parent.Phase.done():
			return false
		case parent.Phase == Skipped && parent.Skipped.Reason != v1.SkipReasonWhen:
			s.skip(v1.SkipReasonParents, nil)
			return false
		case parent.Phase != Skipped && !parent.Phase.passed():
			return false
		}
	}
	return true
}

// stopped skips a task that is not to start any more.
func (p *planner) stopped(s *TaskState) bool {
	stop := p.obs.Stops.of(s)
	if stop.Reason != "" {
		s.skip(stop.Reason, nil)
	}
	return stop.Reason != ""
}

// decide starts a task, or skips it.
func (p *planner) decide(ctx context.Context, i int, vars substitute.Variables) error {
	s := &p.obs.Tasks[i]
	defer p.results.forget()
	wanted, problem, err := p.prepare(ctx, s, vars)
	switch {
	case err != nil:
		return err
	case problem != nil:
		p.note(s, problem)
		return nil
	case wanted == nil:
		return nil // skipped
	}
	bytes := 0
	for _, child := range wanted.TaskRuns {
		encoded, problem := childSize(s.Task, child)
		if problem != nil {
			p.note(s, problem)
			return nil
		}
		bytes += encoded
	}
	if p.started > 0 && (p.started+len(wanted.TaskRuns) > maxStarted || p.bytes+bytes > maxBytes) {
		p.obs.More = true
		return nil
	}
	wanted.Task = i
	p.started, p.bytes = p.started+len(wanted.TaskRuns), p.bytes+bytes
	p.obs.Wanted = append(p.obs.Wanted, *wanted)
	return nil
}

// note skips a task that cannot start. The first one that should have been able to is why the run will fail.
func (p *planner) note(s *TaskState, problem *Problem) {
	s.skip(problem.SkipReason, nil)
	if p.obs.Problem == nil && s.couldNotStart(p.tasks) {
		p.obs.Problem = problem
	}
}

// prepare judges the guard of a task and makes its TaskRuns. It returns nothing for a task that was skipped.
func (p *planner) prepare(ctx context.Context, s *TaskState, vars substitute.Variables) (*Wanted, *Problem, error) {
	vars = withRetries(vars, s.Task)
	guard, problem, err := p.guard(ctx, s, vars)
	if err != nil || problem != nil || s.Skipped != nil {
		return nil, problem, err
	}
	if problem, err := p.load(ctx, s, neededBy(s.Task)); err != nil || problem != nil {
		return nil, problem, err
	}
	task, err := substitute.PipelineTask(s.Task, vars, p.results)
	if err != nil {
		return nil, substitutionProblem(s.Task.Name, err), nil
	}
	combinations, err := combinationsOf(task, p.obs.Config.Defaults.MaxMatrixCombinations)
	if err != nil {
		return nil, cannotStart(s.Task.Name, err.Error(), v1.PipelineRunReasonValidationFailed, v1.SkipReasonInvalid), nil
	}
	if len(combinations) == 0 {
		s.skip(v1.SkipReasonEmptyMatrix, nil)
		return nil, nil, nil
	}
	if problem := p.builder.roomFor(task, combinations); problem != nil {
		return nil, problem, nil
	}
	wanted := &Wanted{}
	for i, combination := range combinations {
		index := -1
		if task.Matrix != nil {
			index = i
		}
		child, err := p.builder.child(s, task, combination, index, vars)
		if err != nil {
			return nil, cannotStart(s.Task.Name, err.Error(), v1.PipelineRunReasonValidationFailed, v1.SkipReasonInvalid), nil
		}
		reference := referenceTo(child.Name, task)
		reference.WhenExpressions = whenStatus(guard)
		if combination.Name != "" {
			reference.DisplayName = combination.Name
		}
		wanted.TaskRuns, wanted.References = append(wanted.TaskRuns, child), append(wanted.References, reference)
	}
	return wanted, nil, nil
}

// guard judges the when expressions of a task and returns them with their values. It skips the task when one does not
// hold.
func (p *planner) guard(ctx context.Context, s *TaskState, vars substitute.Variables) ([]v1.WhenExpression, *Problem, error) {
	if len(s.Task.When) == 0 {
		return nil, nil, nil
	}
	if problem, err := p.load(ctx, s, neededByGuard(s.Task)); err != nil || problem != nil {
		return nil, problem, err
	}
	expressions, err := substitute.When(s.Task.When, vars, p.results)
	if err != nil {
		return nil, substitutionProblem(s.Task.Name, err), nil
	}
	holds, err := p.judge.Holds(expressions)
	if err != nil {
		return nil, cannotStart(s.Task.Name, err.Error(), v1.PipelineRunReasonValidationFailed, v1.SkipReasonInvalid), nil
	}
	if !holds {
		s.skip(v1.SkipReasonWhen, whenStatus(expressions))
	}
	return expressions, nil, nil
}

// load loads results that a task needs. That they are too many is a problem of the task.
func (p *planner) load(ctx context.Context, s *TaskState, wanted needs) (*Problem, error) {
	err := p.results.load(ctx, p.read, wanted)
	if _, tooMuch := errors.AsType[*tooMuchError](err); tooMuch {
		return substitutionProblem(s.Task.Name, err), nil
	}
	return nil, err
}

// combinationsOf fans a task out. One without a matrix has one combination, which adds nothing.
func combinationsOf(task *v1.PipelineTask, limit int64) ([]matrix.Combination, error) {
	if task.Matrix == nil {
		return []matrix.Combination{{}}, nil
	}
	return matrix.Combinations(task.Matrix, int(limit))
}

// withRetries adds what only the task itself can ask for.
func withRetries(vars substitute.Variables, task *v1.PipelineTask) substitute.Variables {
	return vars.Add("context.pipelineTask.retries", strconv.Itoa(task.Retries))
}
