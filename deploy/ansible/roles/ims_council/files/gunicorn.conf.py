"""How gunicorn serves a council. The socket is systemd's, so restarts lose no request. Managed by Ansible.

The number of processes comes from WEB_CONCURRENCY, which gunicorn reads by itself.
"""

timeout = 120
graceful_timeout = 60
# A process is replaced now and then, so that slow leaks in libraries never matter.
max_requests = 5000
max_requests_jitter = 500
# Requests arrive over a socket only nginx can open, so what it says about the client is believed.
forwarded_allow_ips = "*"
# Heartbeats of the processes belong in memory, not on a disk that may be busy.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True
