package server

import "net/http"

// MaxConns is how many.
const MaxConns = 10

const (
	low  = 1
	high = 2
)

var (
	registry = map[string]int{}
)

// Server answers.
// It never sleeps.
type Server struct {
	addr string
}

type Handler interface {
	Serve(w http.ResponseWriter)
}

type (
	ID   int
	Name = string
)

// Start listens.
func (s *Server) Start(
	addr string,
) error {
	return nil
}

func (l List[T]) Len() int { return 0 }

func New() *Server {
	helper := func() {}
	helper()
	return &Server{}
}
