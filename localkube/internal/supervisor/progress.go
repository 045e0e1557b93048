package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Event is one line of the supervisor's report to the command that started it.
type Event struct {
	// Step is the name of the completed step.
	Step string `json:"step,omitempty"`
	// Took is the duration of the step.
	Took time.Duration `json:"took,omitempty"`
	// Error is the reason why the cluster does not come up. It is the last event.
	Error string `json:"error,omitempty"`
	// Ready reports that the cluster is up. It is the last event.
	Ready bool `json:"ready,omitempty"`
}

// progress writes events. When the reader is gone, for example because it was killed, the supervisor continues.
type progress struct {
	out *json.Encoder
}

func newProgress(out io.Writer) *progress { return &progress{out: json.NewEncoder(out)} }

func (p *progress) report(e Event) {
	if err := p.out.Encode(e); err != nil {
		fmt.Println("cannot write the progress:", err)
	}
}

// ErrDied is the error of a supervisor that ended without an event.
var ErrDied = errors.New("the supervisor ended before the cluster was ready")

// follow calls show for each step until the cluster is ready or an error is reported.
func follow(in io.Reader, show func(Event)) error {
	decoder := json.NewDecoder(in)
	for {
		var e Event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return ErrDied
		} else if err != nil {
			return fmt.Errorf("cannot read the supervisor's progress: %w", err)
		}
		switch {
		case e.Error != "":
			return errors.New(e.Error)
		case e.Ready:
			return nil
		}
		show(e)
	}
}
