# report_stripped_size(TARGET): after each build, prints the size of the stripped program, and fails if it is not
# fully static.
function(report_stripped_size target)
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_STRIP} $<TARGET_FILE:${target}>
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${target}> -DREADELF=${CMAKE_READELF}
            -P ${PROJECT_SOURCE_DIR}/cmake/print-size.cmake)
endfunction()
