// SPDX-License-Identifier: MIT
#pragma once

/// Everything a program that uses Millrace needs; the library itself includes what it uses.

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/connectors/file/line_source.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/connectors/kafka/kafka_sink.hpp>
#include <millrace/connectors/kafka/kafka_source.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/formats/json_writer.hpp>
#include <millrace/job/job.hpp>
#include <millrace/time/rfc3339.hpp>
