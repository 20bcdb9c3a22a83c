return {
  idle_timeout = 0, -- a silent client stays; without this line it is closed after 60 s
}
