locals {
  # Each target's reads and writes, scaled apart.
  scaled = merge([
    for direction in ["Read", "Write"] : {
      for key, target in var.targets : "${key}/${lower(direction)}" => {
        resource_id = target.resource_id
        dimension   = "dynamodb:${target.dimension}:${direction}CapacityUnits"
        metric      = "DynamoDB${direction}CapacityUtilization"
      }
    }
  ]...)
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.scaled

  service_namespace  = "dynamodb"
  resource_id        = each.value.resource_id
  scalable_dimension = each.value.dimension
  min_capacity       = var.capacity.min
  max_capacity       = var.capacity.max
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.scaled

  name               = "${each.value.metric}:${each.value.resource_id}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 70

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}
