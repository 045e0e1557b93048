package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
)

// headerLength is the length of a message's header in bytes. The first two bytes are the identifier (RFC 1035, 4.1.1).
const headerLength = 12

// Upstream is one of the host's name servers. Its UDP socket was created in the host's network, so that a name server on the
// host's loopback address can be reached, too.
type Upstream struct {
	socket  net.Conn
	address string

	mu      sync.Mutex
	next    uint16
	waiting map[uint16]chan []byte
}

// NewUpstream takes ownership of the socket, which is connected to the name server.
func NewUpstream(socket net.Conn) *Upstream {
	u := &Upstream{socket: socket, address: socket.RemoteAddr().String(), waiting: map[uint16]chan []byte{}}
	go u.receive()
	return u
}

// ask forwards the query and waits for the answer.
func (u *Upstream) ask(ctx context.Context, query []byte, by transport) ([]byte, error) {
	if len(query) < headerLength {
		return nil, errors.New("cannot forward a query without a header")
	}
	if by == overTCP {
		return u.askTCP(ctx, query)
	}
	id, answers, err := u.enlist()
	if err != nil {
		return nil, err
	}
	defer u.strike(id)
	// Queries of different clients may have the same identifier, so each gets a new one on this socket.
	ours := binary.BigEndian.AppendUint16(nil, id)
	if _, err := u.socket.Write(append(ours, query[2:]...)); err != nil {
		return nil, fmt.Errorf("cannot ask name server %q: %w", u.address, err)
	}
	select {
	case reply := <-answers:
		copy(reply, query[:2])
		return reply, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("cannot get an answer of name server %q: %w", u.address, ctx.Err())
	}
}

// askTCP dials the name server through the uplink. A connected socket from the host's network is not possible here, because
// it would have to be created before the query arrives.
func (u *Upstream) askTCP(ctx context.Context, query []byte) ([]byte, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.address)
	if err != nil {
		return nil, fmt.Errorf("cannot reach name server %q: %w", u.address, err)
	}
	defer connection.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := connection.SetDeadline(deadline); err != nil {
			return nil, fmt.Errorf("cannot limit the time of %q: %w", u.address, err)
		}
	}
	if err := writeMessage(connection, query); err != nil {
		return nil, fmt.Errorf("cannot ask name server %q: %w", u.address, err)
	}
	return readMessage(connection)
}

func (u *Upstream) enlist() (uint16, chan []byte, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for range 1 << 16 {
		u.next++
		if _, taken := u.waiting[u.next]; !taken {
			answers := make(chan []byte, 1)
			u.waiting[u.next] = answers
			return u.next, answers, nil
		}
	}
	return 0, nil, fmt.Errorf("cannot ask name server %q: too many queries at once", u.address)
}

func (u *Upstream) strike(id uint16) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.waiting, id)
}

// receive passes each answer to the query that waits for it, until the socket is closed.
func (u *Upstream) receive() {
	buffer := make([]byte, maxMessage)
	for {
		n, err := u.socket.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < headerLength {
			continue // such as "connection refused", when no name server runs at this address
		}
		reply := append([]byte(nil), buffer[:n]...)
		u.mu.Lock()
		answers, ok := u.waiting[binary.BigEndian.Uint16(reply)]
		u.mu.Unlock()
		if ok {
			select {
			case answers <- reply:
			default: // the query has an answer already
			}
		}
	}
}
