package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Port is the port on which name servers listen.
const Port = 53

const (
	// maxMessage is the size in bytes of the largest UDP message that the server reads. Clients announce at most 4096.
	maxMessage = 4096
	// upstreamTimeout bounds the answer of one host name server. Resolvers retry after 5 seconds.
	upstreamTimeout = 2 * time.Second
	// idleTimeout closes a TCP connection without queries.
	idleTimeout = 10 * time.Second
)

// Server answers queries.
type Server struct {
	// Source holds the names of the cluster.
	Source Source
	// Upstreams are the host's name servers, in the order of use.
	Upstreams []*Upstream
}

// ServePacket answers UDP queries until the socket is closed.
func (s *Server) ServePacket(socket net.PacketConn) error {
	for {
		buffer := make([]byte, maxMessage)
		n, client, err := socket.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot receive a query: %w", err)
		}
		go func() {
			if reply := s.resolve(context.Background(), buffer[:n], overUDP); reply != nil {
				// A client that gets no answer retries.
				_, _ = socket.WriteTo(reply, client)
			}
		}()
	}
}

// Serve answers TCP queries until the listener is closed.
func (s *Server) Serve(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot accept a connection: %w", err)
		}
		go s.converse(connection)
	}
}

// converse answers the queries on one connection, one after the other.
func (s *Server) converse(connection net.Conn) {
	defer connection.Close()
	for {
		if err := connection.SetDeadline(time.Now().Add(idleTimeout)); err != nil {
			return
		}
		query, err := readMessage(connection)
		if err != nil {
			return
		}
		reply := s.resolve(context.Background(), query, overTCP)
		if reply == nil || writeMessage(connection, reply) != nil {
			return
		}
	}
}

// transport is the protocol of a query. The query is forwarded over the same protocol, because an answer may be too large for
// UDP.
type transport bool

const (
	overUDP transport = false
	overTCP transport = true
)

// resolve answers the query, or returns nil if the message is not a query.
func (s *Server) resolve(ctx context.Context, query []byte, by transport) []byte {
	reply, ok, err := answer(query, s.Source)
	if err != nil {
		return nil
	}
	if ok {
		return reply
	}
	for _, upstream := range s.Upstreams {
		ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
		reply, err := upstream.ask(ctx, query, by)
		cancel()
		if err == nil {
			return reply
		}
	}
	return failure(query)
}

// readMessage reads a message that follows its length (RFC 1035, 4.2.2).
func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, message)
	return message, err
}

func writeMessage(w io.Writer, message []byte) error {
	if len(message) > 0xffff {
		return fmt.Errorf("cannot send a message of %d bytes", len(message))
	}
	length := uint16(len(message)) //nolint:gosec // checked above
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, length), message...))
	return err
}
