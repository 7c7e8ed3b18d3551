locals {
  names       = { for table in keys(var.tables) : table => "${var.project}-${table}-${var.environment}" }
  provisioned = var.billing_mode == "PROVISIONED"
  replicated  = var.replica_region == null ? {} : var.tables

  # DynamoDB refuses an attribute definition that no key uses, so they are the union of all keys.
  attributes = {
    for table, schema in var.tables : table => {
      for key in flatten([[schema.hash, schema.range], [for index in schema.indexes : [index.hash, index.range]]]) :
      key.name => key.type... if key != null
    }
  }

  # On demand a table grows to 40,000 units a second unless told to stay below. Provisioned, DynamoDB refuses the setting.
  ceiling = local.provisioned ? null : var.on_demand_throughput

  # What auto scaling covers: every table and every index.
  scaled = local.provisioned ? merge([
    for table, schema in var.tables : merge(
      { (table) = { resource_id = "table/${local.names[table]}", dimension = "table" } },
      { for index in keys(schema.indexes) : "${table}/${index}" => {
        resource_id = "table/${local.names[table]}/index/${index}", dimension = "index"
      } },
    )
  ]...) : {}
}

resource "aws_dynamodb_table" "this" {
  for_each = var.tables

  name                        = local.names[each.key]
  billing_mode                = var.billing_mode
  read_capacity               = local.provisioned ? var.capacity.min : null
  write_capacity              = local.provisioned ? var.capacity.min : null
  hash_key                    = each.value.hash.name
  range_key                   = try(each.value.range.name, null)
  deletion_protection_enabled = var.deletion_protection

  # Replication reads the stream. It stays on without replicas: it is free, and cannot be turned off under one.
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  dynamic "attribute" {
    for_each = local.attributes[each.key]

    content {
      name = attribute.key
      type = attribute.value[0]
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.indexes

    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash.name
      range_key          = try(global_secondary_index.value.range.name, null)
      projection_type    = global_secondary_index.value.projection
      non_key_attributes = global_secondary_index.value.projection == "INCLUDE" ? global_secondary_index.value.include : null
      read_capacity      = local.provisioned ? var.capacity.min : null
      write_capacity     = local.provisioned ? var.capacity.min : null

      dynamic "on_demand_throughput" {
        for_each = local.ceiling[*]

        content {
          max_read_request_units  = on_demand_throughput.value.read
          max_write_request_units = on_demand_throughput.value.write
        }
      }
    }
  }

  # The replica takes this over.
  dynamic "on_demand_throughput" {
    for_each = local.ceiling[*]

    content {
      max_read_request_units  = on_demand_throughput.value.read
      max_write_request_units = on_demand_throughput.value.write
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl[*]

    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key_arns[*]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value.primary
    }
  }

  lifecycle {
    # Replicas belong to aws_dynamodb_table_replica; without this every plan would remove them. Capacity belongs to auto
    # scaling. The indexes' capacity cannot be left out the same way: an apply sets it back to the minimum.
    ignore_changes = [replica, read_capacity, write_capacity]
  }
}

module "autoscaling" {
  source = "./autoscaling"

  targets    = local.scaled
  capacity   = var.capacity
  depends_on = [aws_dynamodb_table.this]
}

resource "aws_dynamodb_table_replica" "this" {
  for_each = local.replicated
  provider = aws.dr

  global_table_arn            = aws_dynamodb_table.this[each.key].arn
  point_in_time_recovery      = var.point_in_time_recovery
  deletion_protection_enabled = var.deletion_protection
  kms_key_arn                 = try(var.kms_key_arns.dr, null)

  # DynamoDB refuses a replica of a provisioned table whose writes are not scaled automatically, indexes included.
  depends_on = [module.autoscaling]
}

module "replica_autoscaling" {
  source    = "./autoscaling"
  providers = { aws = aws.dr }

  targets    = var.replica_region == null ? {} : local.scaled
  capacity   = var.capacity
  depends_on = [aws_dynamodb_table_replica.this]
}
