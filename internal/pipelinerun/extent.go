package pipelinerun

import v1 "github.com/sluice-ci/sluice/api/v1"

// Extent is how much of a child ends when it is asked to stop. Greater values end more.
type Extent int

const (
	// Unasked means that the child continues.
	Unasked Extent = iota
	// Finishes means that what is running finishes, nothing else starts, and then tasks of finally run. A TaskRun or a
	// CustomRun always does that without a request.
	Finishes
	// EndsTasks means that what is running is cancelled, and then tasks of finally run.
	EndsTasks
	// EndsAll means that everything is cancelled.
	EndsAll
)

// requestFor returns the value of spec.status that asks a PipelineRun for this extent.
func requestFor(e Extent) v1.PipelineRunSpecStatus {
	switch e {
	case Finishes:
		return v1.PipelineRunSpecStatusStoppedRunFinally
	case EndsTasks:
		return v1.PipelineRunSpecStatusCancelledRunFinally
	case EndsAll:
		return v1.PipelineRunSpecStatusCancelled
	case Unasked:
	}
	return ""
}

// extentOf returns the extent for which spec.status of a PipelineRun asks.
func extentOf(status v1.PipelineRunSpecStatus) Extent {
	for _, e := range []Extent{Finishes, EndsTasks, EndsAll} {
		if requestFor(e) == status {
			return e
		}
	}
	return Unasked
}

// extent returns how much of the running children ends.
func (s Stop) extent() Extent {
	switch {
	case s.Graceful != "":
		return extentOf(s.Graceful)
	case s.Cancel != "":
		return EndsAll
	default:
		return Unasked
	}
}

// givenUp returns the stop for the children of a run that cannot continue.
func givenUp() Stop { return Stop{Cancel: v1.TaskRunGivenUpByPipelineRun} }
