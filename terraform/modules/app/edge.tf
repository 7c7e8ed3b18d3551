resource "aws_lb" "this" {
  name                       = var.name
  load_balancer_type         = "application"
  ip_address_type            = "dualstack"
  subnets                    = var.network.public_subnet_ids
  security_groups            = [var.network.load_balancer_group_id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
}

resource "aws_lb_target_group" "service" {
  for_each = var.services

  # At most six characters; the provider adds a random part, as a name must be unique and a replacement needs its own.
  name_prefix          = "${substr(each.key, 0, 5)}-"
  vpc_id               = var.network.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value.port
  deregistration_delay = 30

  health_check {
    path                = "/health"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = { Name = "${var.name}-${each.key}" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type             = var.https ? "redirect" : local.rest.type
    target_group_arn = var.https ? null : local.rest.target_group_arn

    dynamic "redirect" {
      for_each = var.https ? [1] : []

      content {
        protocol    = "HTTPS"
        port        = "443"
        status_code = "HTTP_301"
      }
    }

    dynamic "fixed_response" {
      for_each = var.https ? [] : local.rest.fixed_responses

      content {
        status_code  = fixed_response.value.status_code
        content_type = fixed_response.value.content_type
        message_body = fixed_response.value.message_body
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count = var.https ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = local.rest.type
    target_group_arn = local.rest.target_group_arn

    dynamic "fixed_response" {
      for_each = local.rest.fixed_responses

      content {
        status_code  = fixed_response.value.status_code
        content_type = fixed_response.value.content_type
        message_body = fixed_response.value.message_body
      }
    }
  }
}

locals {
  # What becomes of paths that are no service's: they are the page's where there is one.
  rest = {
    type             = var.page == null ? "fixed-response" : "forward"
    target_group_arn = var.page == null ? null : aws_lb_target_group.service[var.page.service].arn
    fixed_responses  = var.page == null ? [local.not_found] : []
  }

  not_found = {
    status_code  = "404"
    content_type = "application/json"
    message_body = jsonencode({ type = "about:blank", title = "Not Found", status = 404, detail = "no service has this path" })
  }
}

# Without a page nothing outside /api reaches a service; with one, /metrics and /health do not.
resource "aws_lb_listener_rule" "inside" {
  count = var.page == null ? 0 : 1

  listener_arn = var.https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
  priority     = 1

  condition {
    path_pattern {
      values = ["/metrics*", "/health*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      status_code  = local.not_found.status_code
      content_type = local.not_found.content_type
      message_body = local.not_found.message_body
    }
  }
}

resource "aws_lb_listener_rule" "service" {
  for_each = var.services

  listener_arn = var.https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
  priority     = 10 + index(keys(var.services), each.key)

  condition {
    path_pattern {
      values = each.value.paths
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service[each.key].arn
  }
}
