package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Event is one line of the report that the supervisor gives to the command that started it.
type Event struct {
	// Step names what was done.
	Step string `json:"step,omitempty"`
	// Took is how long it took.
	Took time.Duration `json:"took,omitempty"`
	// Error says why the cluster does not come up; it is the last event.
	Error string `json:"error,omitempty"`
	// Ready says that the cluster is up; it is the last event.
	Ready bool `json:"ready,omitempty"`
}

// progress writes events. When nobody listens any more, the supervisor goes on: whoever asked for the cluster may have been killed.
type progress struct {
	out *json.Encoder
}

func newProgress(out io.Writer) *progress { return &progress{out: json.NewEncoder(out)} }

func (p *progress) tell(e Event) {
	if err := p.out.Encode(e); err != nil {
		fmt.Println("nobody listens to the progress any more:", err)
	}
}

// ErrDied says that the supervisor ended without a word.
var ErrDied = errors.New("the supervisor ended before the cluster was ready")

// follow hands each step to show, until the cluster is ready or an error is reported.
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
