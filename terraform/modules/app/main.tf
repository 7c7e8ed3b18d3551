locals {
  # What every container is told; services add where to listen.
  environment = merge(var.table_environment, {
    USE_DYNAMODB = "true"
    AWS_REGION   = var.region
    LOG_FORMAT   = "json"
  })

  containers = merge(
    {
      for service, settings in var.services : service => {
        cpu    = 256
        memory = 512
        image  = settings.image
        definition = merge(
          {
            portMappings = [{ containerPort = settings.port, protocol = "tcp" }]
            healthCheck = {
              command     = concat(["CMD"], settings.healthcheck)
              interval    = 10
              timeout     = 5
              retries     = 3
              startPeriod = 10
            }
          },
          settings.command == null ? {} : { command = settings.command },
        )
        environment = merge(
          # The load balancer is the one proxy in front.
          { HOST = "0.0.0.0", PORT = tostring(settings.port), TRUSTED_PROXY_HOPS = "1", METRICS = "emf", METRICS_NAMESPACE = var.name },
          var.auth_environment,
          merge([for page in var.page[*] : page.environment if page.service == service]...),
          length(var.cors_origins) == 0 ? {} : { CORS_ALLOWED_ORIGINS = join(",", var.cors_origins) },
          var.cache_ttl_seconds == 0 ? {} : { CACHE_TTL_SECONDS = tostring(var.cache_ttl_seconds) },
        )
      }
    },
    {
      # The operator's tool, run once by `aws ecs run-task`.
      forum = {
        cpu         = 1024
        memory      = 2048
        image       = "forum"
        definition  = { command = ["tables", "status"] }
        environment = {}
      }
    },
  )
}

locals {
  # What ECS gives a container that nobody is to read in its definition.
  secrets = { for task in keys(local.containers) : task => {
    for page in var.page[*] : "secrets" => [{ name = "WEB_COOKIE_KEY", valueFrom = page.key_arn }] if page.service == task
  } }
}

resource "aws_ecs_cluster" "this" {
  name = var.name
}

resource "aws_cloudwatch_log_group" "task" {
  for_each = local.containers

  name              = "${var.log_groups}/${each.key}"
  retention_in_days = 30
}

resource "aws_ecs_task_definition" "task" {
  for_each = local.containers

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = var.task_role_arns[each.key]
  execution_role_arn       = var.execution_role_arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  container_definitions = jsonencode([merge(each.value.definition, local.secrets[each.key], {
    name                   = each.key
    image                  = var.images[each.value.image]
    essential              = true
    user                   = "65532:65532" # nonroot
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    stopTimeout            = 30
    environment            = [for variable, value in merge(local.environment, each.value.environment) : { name = variable, value = value }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.task[each.key].name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
        # While CloudWatch is slow or out of reach, lines wait here and then are dropped, rather than to stop what writes them. The
        # size is what AWS recommends after tests: a twentieth of the smallest task's memory, taken only then.
        mode            = "non-blocking"
        max-buffer-size = "25m"
      }
    }
  })])
}

resource "aws_ecs_service" "service" {
  for_each = var.services

  name                          = each.key
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.task[each.key].arn
  launch_type                   = "FARGATE"
  platform_version              = "LATEST"
  desired_count                 = var.tasks.min
  availability_zone_rebalancing = "ENABLED"
  enable_ecs_managed_tags       = true
  propagate_tags                = "SERVICE"

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # Tasks that are healthy and return 5xx.
  alarms {
    enable      = true
    rollback    = true
    alarm_names = [var.rollback_alarms[each.key]]
  }

  network_configuration {
    subnets          = var.network.tasks.subnet_ids
    security_groups  = [var.network.tasks.group_id]
    assign_public_ip = var.network.tasks.public_ip
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.service[each.key].arn
    container_name   = each.key
    container_port   = each.value.port
  }

  # A target group can be used once a listener forwards to it.
  depends_on = [aws_lb_listener_rule.service]

  lifecycle {
    ignore_changes = [desired_count] # auto scaling's
  }
}

resource "aws_appautoscaling_target" "service" {
  for_each = var.services

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.service[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

locals {
  # What a task of a service is kept at, on average; whichever asks for more tasks wins. A service that waits for DynamoDB uses
  # little CPU however many requests it holds, so those are counted, too: a hundred a second are well within a quarter of a CPU, and
  # leave room for the load of others while they start.
  scaling = merge([
    for service, group in aws_lb_target_group.service : {
      "${service}/cpu"      = { service = service, metric = "ECSServiceAverageCPUUtilization", label = null, target = 60 }                                       # percent
      "${service}/requests" = { service = service, metric = "ALBRequestCountPerTarget", label = "${aws_lb.this.arn_suffix}/${group.arn_suffix}", target = 6000 } # a minute
    }
  ]...)
}

resource "aws_appautoscaling_policy" "service" {
  for_each = local.scaling

  name               = split("/", each.key)[1]
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[each.value.service].service_namespace
  resource_id        = aws_appautoscaling_target.service[each.value.service].resource_id
  scalable_dimension = aws_appautoscaling_target.service[each.value.service].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      resource_label         = each.value.label
    }
  }
}

# A policy that is destroyed under its old address would take the one of the same name with it.
moved {
  from = aws_appautoscaling_policy.service["users"]
  to   = aws_appautoscaling_policy.service["users/cpu"]
}

moved {
  from = aws_appautoscaling_policy.service["threads"]
  to   = aws_appautoscaling_policy.service["threads/cpu"]
}

moved {
  from = aws_appautoscaling_policy.service["posts"]
  to   = aws_appautoscaling_policy.service["posts/cpu"]
}
